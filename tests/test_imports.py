"""The rules of dependency that ARCHITECTURE.md states, read from the sources and from running interpreters."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.import_graph import circles, file_graph, folder_graph, imports_in, modules_of
from tests.support.paths import ROOT

HEAVY = {"torch", "transformers", "diffusers", "peft", "safetensors", "scipy"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at any depth; relative imports made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts
    names: set[str] = set()
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def starts(names: set[str], *prefixes: str) -> set[str]:
    return {n for n in names for p in prefixes if n == p or n.startswith(p + ".")}


def test_engine_knows_nothing_of_bridge_or_reaper():
    wrong = {str(p): starts(imported(p), "bridge", "reaper_scripts") for p in sources("engine")}
    assert {p: n for p, n in wrong.items() if n} == {}


def test_networks_know_no_tasks_no_checkpoints_and_no_paths():
    banned = ("engine.tasks", "engine.model", "engine.checkpoints", "engine.requests", "pathlib", "os")
    wrong = {str(p): starts(imported(p), *banned) for p in sources("engine/networks")}
    assert {p: n for p, n in wrong.items() if n} == {}


def test_sampler_tasks_and_rendering_know_no_family_and_no_network():
    """Shapes, rates and words of a model come from the family that is loaded, never from constants of one."""
    banned = ("engine.networks", "engine.families.v1", "engine.checkpoints.networks", "engine.lyrics")
    shared_by_all = {"OUTPUT_SAMPLE_RATE", "SEED_MODULUS"}
    for folder in ("engine/sampling", "engine/tasks", "engine/rendering"):
        for path in sources(folder):
            names = imported(path)
            assert not starts(names, *banned), path
            constants = {n.split(".")[-1] for n in names if n.startswith("engine.constants.")}
            assert constants <= shared_by_all, path


def test_bridge_imports_no_torch_outside_the_engine_process():
    wrong = {}
    for path in sources("bridge"):
        if "engine_process" in path.parts:
            continue
        wrong[str(path)] = starts(imported(path), *HEAVY, "engine.model", "engine.networks", "engine.sampling")
    assert {p: n for p, n in wrong.items() if n} == {}


@pytest.mark.parametrize(
    "modules",
    [
        "engine, engine.requests, engine.errors, engine.audio.files, engine.audio.seam",
        "bridge.protocol, bridge.jobs, bridge.client, bridge.osc",
        "bridge.daemon",
        "bridge.cli",
    ],
)
def test_these_load_no_torch_when_run(modules):
    code = f"import sys, {modules}; print(sorted({HEAVY - {'scipy'}!r} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_reaper_scripts_use_the_standard_library_only_in_old_syntax_and_ascii():
    ours = {p.stem for p in sources("reaper_scripts")} | {"acestep_reaper", "reaper_python"}
    allowed = set(sys.stdlib_module_names) | ours
    for path in sources("reaper_scripts"):
        text = path.read_bytes()
        assert text.isascii(), f"{path} is not ASCII"
        ast.parse(text, feature_version=(3, 8))
        tops = {name.split(".")[0] for name in imported(path)}
        assert tops <= allowed | {"reaper_scripts"}, f"{path}: {tops - allowed}"


def test_the_public_names_of_the_engine_are_all_there():
    import engine

    assert set(engine.__all__) == set(engine._HOMES)
    for name in engine.__all__:
        assert getattr(engine, name) is not None


PACKAGES = {
    "engine": ROOT / "engine",
    "bridge": ROOT / "bridge",
    "acestep_reaper": ROOT / "reaper_scripts" / "acestep_reaper",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_files_import_each_other_in_a_circle(package):
    assert circles(file_graph(modules_of(PACKAGES[package], package))) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folders_import_each_other_in_a_circle(package):
    modules = modules_of(PACKAGES[package], package)
    assert circles(folder_graph(file_graph(modules), modules)) == []


def nested(folder: Path) -> list[Path]:
    """The folders of a package, itself among them, that have folders of modules in them."""
    packages = sorted(path.parent for path in folder.rglob("__init__.py"))
    return sorted({package.parent for package in packages if package != folder})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folders_inside_a_folder_import_each_other_in_a_circle(package):
    for folder in nested(PACKAGES[package]):
        name = ".".join([package, *folder.relative_to(PACKAGES[package]).parts])
        modules = modules_of(folder, name)
        assert circles(folder_graph(file_graph(modules), modules)) == [], name


def drawn_layers() -> dict[str, list[list[str]]]:
    """Package -> its lines, from the top, in the drawings of ARCHITECTURE.md that begin with "layers of PACKAGE"."""
    blocks = re.findall(r"```\nlayers of (\w+)[^\n]*\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.S)
    return {package: [line.split() for line in text.splitlines() if line.strip()] for package, text in blocks}


def test_layers_are_as_architecture_draws_them():
    """A folder imports from lower lines only; every folder and file on top of a package stands in its drawing."""
    drawn = drawn_layers()
    assert set(drawn) == set(PACKAGES)
    for package, lines in drawn.items():
        modules = modules_of(PACKAGES[package], package)
        graph = folder_graph(file_graph(modules), modules)
        height = {f"{package}.{room}": len(lines) - n for n, line in enumerate(lines) for room in line}
        height[package] = len(lines)  # the public names, which are imported when they are asked for
        assert set(graph) == set(height)
        wrong = {(a, b) for a, others in graph.items() for b in others if height[a] <= height[b]}
        assert {pair for pair in wrong if package not in pair} == set()


# Names that two modules of a package may share: the same part of two model families, and what is listed.
FAMILY_FOLDERS = {"v1", "ace_step_15"}
SHARED_NAMES = {
    "__main__": "each is the entry of its folder",
    "transformer": "the network, and how it is trained",
    "autoencoder": "the network, and how it is trained",
    "partials": "the network, and how it is trained",
    "conditions": "of the sampler; and 1.5's networks of that name",
    "errors": "each folder's own tree",
    "recipe": "of a result; of the shipped weights",
    "words": "what 1.5 reads of a request; words of a lyric line",
    "vocabulary": "of v1's lyrics; of the words that nano learns",
    "parts": "of a checkpoint; of a piece of music",
    "table": "of the tasks; of the families",
    "family": "the protocol, and what implements it",
    "facts": "the type, and what reads them",
    "files": "audio; checkpoints",
    "model": "the way in; what a file carries",
    "ogg": "writing; reading what a file carries",
    "keys": "of v1's weights; of 1.5's",
    "load": "of v1; of 1.5",
    "lora": "of v1; of 1.5",
    "attention": "of v1; of 1.5",
    "config": "of v1; of 1.5",
    "text_encoder": "of v1; of 1.5",
    "progress": "shown by the command line; told by the daemon",
    "render": "the command; of a part of a project",
    "settings": "of the daemon; of the OSC controller",
    "store": "of audio; of jobs",
    "job": "of the queue; of a project's part",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_have_the_same_name_but_those_listed(package):
    seen: dict[str, list[str]] = {}
    for module, path in modules_of(PACKAGES[package], package).items():
        if path.stem != "__init__":
            seen.setdefault(path.stem, []).append(module)
    twice = {name: modules for name, modules in seen.items() if len(modules) > 1 and name not in SHARED_NAMES}
    parallel = {n for n, modules in twice.items() if all(FAMILY_FOLDERS & set(m.split(".")) for m in modules)}
    assert {name: modules for name, modules in twice.items() if name not in parallel} == {}


NAMED = re.compile(r"`((?:bridge|engine|tests|reaper_scripts|ardour_scripts|docs)/[\w./-]+?)(?:::\w+)?`")


@pytest.mark.parametrize(
    "page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "docs/decisions.md", "docs/security.md"]
)
def test_every_file_that_a_page_names_is_there(page):
    """A path in a page's code spans; NAME stands for what a reader adds."""
    named = {name for name in NAMED.findall((ROOT / page).read_text("utf-8")) if "NAME" not in name}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_walk_finds_circles(tmp_path):
    """Two files that import each other, one of them inside a function, and a third that stands apart."""
    for name, text in {"a": "from p import b", "b": "def f():\n    import p.a", "c": "import p.a"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert circles(file_graph(modules_of(tmp_path, "p"))) == [["p.a", "p.b"]]

"""The rules of dependency that ARCHITECTURE.md states, read from the sources and from running interpreters."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

HEAVY = {"torch", "transformers", "diffusers", "peft", "safetensors", "scipy"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at any depth; relative imports made absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).with_suffix("").parts
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
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

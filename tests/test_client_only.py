"""What a machine without PyTorch can do: everything but rendering. The engine's packages cannot be imported here.

A subprocess gets a `sitecustomize` that refuses them, as an environment without the `engine` extra does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bridge.rpp.new_project import new_project, write
from bridge.rpp.write import NewItem, NewTake, NewTrack
from tests.support.paths import ROOT
from tests.support.patience import HANG_SECONDS

OUR_OWN = {"engine", "bridge", "reaper_scripts", "ardour_scripts", "_distutils_hack"}
BLOCKER = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def needed_by(requirements: list[str]) -> set[str]:
    """These distributions and all that they need, in normal form."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(text) for text in metadata.requires(name) or []]
    return found


@cache
def engine_packages() -> set[str]:
    """Import names of every installed package that a set-up without the engine does not bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    kept = needed_by([*project["dependencies"], *project["optional-dependencies"]["gateway"]])  # as run.py --client
    homes = metadata.packages_distributions()
    return {name for name, from_ in homes.items() if not kept & {canonicalize_name(d) for d in from_}} - OUR_OWN


class Client:
    """Runs Python as on a machine without the engine's packages."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
        self._environment |= {"PYTHONPATH": str(folder), "ACESTEP_BRIDGE_HOME": str(home / "bridge")}

    def __call__(self, *words: object, ok: tuple[int, ...] = (0,)) -> str:
        command = [sys.executable, *(str(word) for word in words)]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, cwd=self._folder)
        assert done.returncode in ok and "Traceback" not in done.stderr, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen([sys.executable, *words], env=self._environment, stdout=quiet, stderr=quiet)


@pytest.fixture
def client(tmp_path: Path):
    """A machine without the engine's packages."""
    folder, home = tmp_path / "blocker", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER.format(names=engine_packages()), encoding="utf-8")
    run = Client(folder, home)
    run("-c", "try: import torch\nexcept ImportError: pass\nelse: raise SystemExit(1)")
    return run


QUIET_COMMANDS = ["schema", "reaper status", "osc --help", "link", "models list", "keys list", "service status"]
EACH = """
import json
from typer.testing import CliRunner
from bridge.cli.app import app

def tell(commands):
    done = {words: CliRunner().invoke(app, words.split()) for words in commands}
    print(json.dumps({words: [d.exit_code, d.output] for words, d in done.items()}))
"""
CLI = ("-c", "from bridge.cli import main; main()")


def test_everything_but_the_engine_process_can_be_imported(client):
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "bridge").rglob("*.py"))
        if path.stem != "__main__"
        and path != ROOT / "bridge" / "engine_process" / "local.py"
        and path.parent.name != "ray_driver"  # runs where Ray is installed
    ]
    client("-c", f"import importlib\nfor name in {modules!r}: importlib.import_module(name)")


def test_the_commands_that_render_nothing_work(client):
    checks = {c["name"]: c for c in json.loads(client(*CLI, "doctor", "--json", ok=(3,)))["checks"]}
    assert "torch" in checks["rendering"]["text"] and "acestep-bridge link" in checks["rendering"]["remedy"]
    assert "PyTorch" not in checks and checks["packages"]["ok"]
    said = json.loads(client("-c", f"{EACH}\ntell({QUIET_COMMANDS!r})"))
    assert {words: code for words, (code, _) in said.items() if code not in (0, 1)} == {}
    assert "text-to-audio" in said["schema"][1] and "--surface" in said["osc --help"][1]
    assert "keys allow" in said["link"][1] and "--resource-path" in said["reaper status"][1]


def test_a_project_is_planned(client, tmp_path):
    soundfile.write(tmp_path / "lead.wav", np.zeros((48000 * 4, 1)), 48000)
    track = NewTrack("Lead", [NewItem(0, 4, NewTake(Path("lead.wav"), "lead"))])
    song = write(new_project(tmp_path / "song.RPP", [track], time_selection=(1.0, 2.0)))
    words = (
        "rpp",
        "inpaint",
        song,
        "-o",
        tmp_path / "new.RPP",
        "--track",
        "Lead",
        "--tags",
        "x",
        "--dry-run",
        "--json",
    )
    (part,) = json.loads(client(*CLI, *words))["parts"]
    assert part["request"]["start_time"] == 1.0


def test_rendering_says_what_is_missing_and_what_to_do(client, tmp_path):
    """Exit code 3. The daemon is started by hand: one that a command starts gets no PYTHONPATH."""
    daemon = client.start("-m", "bridge.daemon")
    try:
        while not (tmp_path / "home" / "bridge" / "connection.json").exists():
            assert daemon.poll() is None
            time.sleep(0.05)
        out = tmp_path / "x.wav"
        words = ("text-to-audio", "--tags", "x", "--duration", "1", "--json", "-o", out)
        error = json.loads(client(*CLI, *words, ok=(3,)))["error"]
        assert error["code"] == "engine_unavailable" and "torch is not installed" in error["message"]
        assert "acestep-bridge link" in error["message"]
        assert not out.exists()
    finally:
        daemon.terminate()
        daemon.wait(HANG_SECONDS)

"""The set-up script, on machines that tests make up: nothing is installed here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("run_script", ROOT / "run.py")
assert SPEC and SPEC.loader
run = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run)


class FakeMachine:
    executable = sys.executable

    def __init__(self, system="Linux", arch="x86_64", python=(3, 12), modules=("venv", "ensurepip"), **facts):
        self.system, self.arch, self.python, self.modules = system, arch, python, modules
        self.free = facts.get("free_gb", 100.0)
        self.builds = facts.get("builds", ())
        self.nvidia = facts.get("nvidia", False)
        self.asked: list[str] = []

    def has_module(self, name):
        return name in self.modules

    def free_gb(self, folder):
        return self.free

    def index_offers(self, build, version):
        self.asked.append(build)
        return build in self.builds

    def has_nvidia_driver(self):
        return self.nvidia


def test_an_old_python_is_told_which_one_is_needed():
    with pytest.raises(run.SetupError, match=r"Python 3\.9 is too old.*3\.11"):
        run.check_python(FakeMachine(python=(3, 9)))


def test_a_debian_without_venv_is_told_the_package():
    with pytest.raises(run.SetupError, match=r"sudo apt install python3\.12-venv"):
        run.check_python(FakeMachine(modules=("venv",)))


@pytest.mark.parametrize(
    ("machine", "wanted", "build"),
    [
        (FakeMachine(), None, "cpu"),
        (FakeMachine(nvidia=True), None, "cuda"),
        (FakeMachine(nvidia=True), "cpu", "cpu"),
        (FakeMachine(), "cuda", "cuda"),
        (FakeMachine(system="Windows", arch="AMD64", nvidia=True), None, "cuda"),
        (FakeMachine(system="Darwin", arch="arm64"), None, "cpu"),
        (FakeMachine(system="Darwin", arch="x86_64"), None, "client"),
        (FakeMachine(system="Darwin", arch="x86_64"), "cpu", "client"),
    ],
)
def test_which_pytorch_is_taken(machine, wanted, build):
    assert run.choose_build(machine, wanted) == build


def test_an_index_out_of_reach_means_plain_pip(capsys):
    assert run.torch_index(FakeMachine(), "cpu", "2.13.0") is None
    assert "going on with plain pip" in capsys.readouterr().out


def test_the_newest_cuda_build_that_is_offered_is_taken():
    machine = FakeMachine(builds=("cu128", "cu126"))
    assert run.torch_index(machine, "cuda", "2.13.0").endswith("/cu128")
    assert machine.asked == ["cu130", "cu128"]


@pytest.mark.parametrize(("system", "python"), [("Windows", "Scripts/python.exe"), ("Darwin", "bin/python")])
def test_the_environments_programs_by_system(system, python):
    found, bridge = run.environment_programs(Path("there"), system)
    assert found == Path("there/.venv") / python
    assert bridge.stem == "acestep-bridge"


def test_a_full_disk_is_said_before_anything_is_made(tmp_path):
    with pytest.raises(run.SetupError, match=r"2\.0 GB are free"):
        run.make_environment(FakeMachine(free_gb=2.0), tmp_path, "cuda", ["engine"])
    assert not list(tmp_path.iterdir())


def test_an_environment_is_ready_only_with_its_marker_and_extras(tmp_path):
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("torch==2.13.0\n")
    python, _ = run.environment_programs(tmp_path, "Linux")
    python.parent.mkdir(parents=True)
    python.touch()
    assert not run.is_ready(tmp_path, python, "cpu", ["engine"])
    (tmp_path / ".venv" / "acestep-ready").write_text(run.fingerprint(tmp_path, "cpu", ["engine"]))
    assert run.is_ready(tmp_path, python, "cpu", ["engine"])
    assert not run.is_ready(tmp_path, python, "cpu", ["engine", "test"])
    (tmp_path / "constraints.txt").write_text("torch==2.14.0\n")
    assert not run.is_ready(tmp_path, python, "cpu", ["engine"])


def test_the_test_command_runs_lint_types_and_tests():
    commands = run.command_of(ROOT, FakeMachine(), ["test", "-x"])
    assert [c[2] for c in commands] == ["ruff", "ruff", "mypy", "pytest"]
    assert commands[-1][-1] == "-x"


def test_help_and_no_words():
    shown = subprocess.run([sys.executable, ROOT / "run.py", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "run.py demo" in shown.stdout
    assert subprocess.run([sys.executable, ROOT / "run.py"], capture_output=True).returncode == 2

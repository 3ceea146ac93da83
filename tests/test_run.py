"""The set-up script, on machines that tests make up: nothing is installed here."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.set_up.causes import cause_of
from bridge.set_up.pip_run import Pip
from tests.support.paths import ROOT
from tests.support.patience import HANG_SECONDS

SPEC = importlib.util.spec_from_file_location("run_script", ROOT / "run.py")
assert SPEC and SPEC.loader
run = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run)


class FakeMachine:
    executable = sys.executable
    is_64_bit = True

    def __init__(self, system="Linux", arch="x86_64", python=(3, 12), modules=("venv", "ensurepip"), **facts):
        self.system, self.arch, self.python, self.modules = system, arch, python, modules
        self.free = facts.get("free_gb", 100.0)
        self.builds = facts.get("builds", ())
        self.cuda = facts.get("cuda")
        self.asked: list[str] = []

    def has_module(self, name):
        return name in self.modules

    def free_gb(self, folder):
        return self.free

    def index_offers(self, build, version):
        self.asked.append(build)
        return build in self.builds

    def cuda_version(self):
        return self.cuda


def test_an_old_python_is_told_which_one_is_needed():
    with pytest.raises(run.SetupError, match=r"Python 3\.9 is too old.*3\.11"):
        run.check_python(FakeMachine(python=(3, 9)))


def test_a_python_without_builds_is_told_which_one_to_take():
    with pytest.raises(run.SetupError, match=r"Python 3\.15 is newer.*py -3\.13 run\.py"):
        run.check_python(FakeMachine(system="Windows", python=(3, 15)))
    narrow = FakeMachine()
    narrow.is_64_bit = False
    with pytest.raises(run.SetupError, match="32-bit"):
        run.check_python(narrow)


def test_a_debian_without_venv_is_told_the_package():
    with pytest.raises(run.SetupError, match=r"sudo apt install python3\.12-venv"):
        run.check_python(FakeMachine(modules=("venv",)))


@pytest.mark.parametrize(
    ("machine", "wanted", "build"),
    [
        (FakeMachine(), None, "cpu"),
        (FakeMachine(cuda=(13, 0)), None, "cuda"),
        (FakeMachine(cuda=(13, 0)), "cpu", "cpu"),
        (FakeMachine(), "cuda", "cuda"),
        (FakeMachine(system="Windows", arch="AMD64", cuda=(0, 0)), None, "cuda"),
        (FakeMachine(system="Darwin", arch="arm64"), None, "cpu"),
        (FakeMachine(system="Darwin", arch="x86_64"), None, "client"),
        (FakeMachine(system="Darwin", arch="x86_64"), "cpu", "client"),
        (FakeMachine(cuda=(13, 0)), "client", "client"),
    ],
)
def test_which_pytorch_is_taken(machine, wanted, build):
    assert run.choose_build(machine, wanted) == build


def test_an_index_out_of_reach_means_plain_pip(capsys):
    assert run.torch_index(FakeMachine(), "cpu", "2.13.0") is None
    assert "going on with plain pip" in capsys.readouterr().out


def test_the_newest_cuda_build_that_is_offered_is_taken():
    machine = FakeMachine(builds=("cu128", "cu126"), cuda=(13, 1))
    assert run.torch_index(machine, "cuda", "2.13.0").endswith("/cu128")
    assert machine.asked == ["cu130", "cu128"]
    older = FakeMachine(builds=("cu130", "cu126"), cuda=(12, 4))
    assert run.torch_index(older, "cuda", "2.13.0").endswith("/cu126")


def test_a_driver_that_is_too_old_is_said():
    with pytest.raises(run.SetupError, match=r"CUDA 11\.4.*Update the driver.*--cpu"):
        run.torch_index(FakeMachine(cuda=(11, 4)), "cuda", "2.13.0")


@pytest.mark.parametrize(("system", "python"), [("Windows", "Scripts/python.exe"), ("Darwin", "bin/python")])
def test_the_environments_programs_by_system(system, python):
    found, bridge = run.environment_programs(Path("there"), system)
    assert found == Path("there/.venv") / python
    assert bridge.stem == "acestep-bridge"


def test_a_full_disk_is_said_before_anything_is_made(tmp_path):
    with pytest.raises(run.SetupError, match=r"2\.0 GB are free"):
        run.make_environment(FakeMachine(free_gb=2.0), tmp_path, "cuda", ["engine"])
    assert not list(tmp_path.iterdir())


@pytest.fixture
def project(tmp_path):
    """A folder with the files that decide, and an environment of empty programs made for the CPU."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("torch==2.13.0\n")
    for program in run.environment_programs(tmp_path, "Linux"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()
    return tmp_path


def mark(project, build="cpu", extras="engine,gateway"):
    (project / ".venv" / "acestep-ready").write_text(f"{run.fingerprint(project)} {build} {extras}")


def test_an_environment_is_ready_only_with_its_marker_and_extras(project):
    def ready(wanted=None, extras=("engine",)):
        return run.is_ready(project, FakeMachine(), wanted, extras)

    assert not ready()
    mark(project)
    assert ready() and ready("cpu")
    assert not ready("cuda") and not ready(extras=("engine", "test"))
    mark(project, "client", "base")
    assert ready() and ready("client") and not ready(extras=("engine", "test"))
    mark(project)
    (project / ".venv" / "bin" / "acestep-bridge").unlink()
    assert not ready()
    (project / ".venv" / "bin" / "acestep-bridge").touch()
    (project / "constraints.txt").write_text("torch==2.14.0\n")
    assert not ready()


def test_a_second_run_asks_nothing_of_the_machine(project, monkeypatch):
    """No driver, no network, no module is looked for: the overhead is one process."""
    mark(project)
    done = []
    monkeypatch.setattr(run, "follow", lambda command, cwd=None, environment=None: done.append(command) or 0)
    machine = FakeMachine()
    for question in ("has_module", "cuda_version", "index_offers", "free_gb"):
        monkeypatch.setattr(machine, question, None, raising=False)
    assert run.main(["doctor"], machine, project) == 0
    assert done == [[str(project / ".venv" / "bin" / "acestep-bridge"), "doctor"]]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("NewConnectionError: Failed to establish\nERROR: No matching distribution found for torch", "no connection"),
        ("SSLCertVerificationError CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("ERROR: No matching distribution found for torch==2.13.0", "torch has no build for Python 3.12"),
        ("[WinError 5] Access is denied: 'x.pyd'", "Quit REAPER"),
        ("PermissionError: [Errno 13] Permission denied", "cannot be written"),
        ("something else", "send the log"),
    ],
)
def test_what_pip_says_becomes_a_cause_and_a_remedy(said, cause):
    assert cause in cause_of(said, "3.12 on Linux x86_64")


PIP = """
import sys, time
print("Collecting torch==2.13.0")
print("  Downloading https://x.y/whl/torch-2.13.0-cp312.whl (191.9 MB)", flush=True)
for share in (0, 50, 100):
    print(f"Progress {share} of 100", flush=True)
    time.sleep(0.2)
print("Building wheel for unidic-lite (pyproject.toml): started", flush=True)
print("Installing collected packages: a, b, torch", flush=True)
if "fail" in sys.argv:
    print("ERROR: [Errno 28] No space left on device")
    sys.exit(1)
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_progress_says_step_package_share_and_time(tmp_path, monkeypatch, out):
    monkeypatch.setattr("bridge.set_up.pip_run._DRAW_SECONDS", 0.02)
    monkeypatch.setattr("bridge.set_up.pip_run._QUIET_SECONDS", 0.0)
    script = tmp_path / "pip.py"
    script.write_text(PIP, encoding="utf-8")
    shown, log = out(), tmp_path / "set-up.log"
    pip = Pip([sys.executable, str(script)], os.environ, log, shown)
    assert pip.run("[2/3] PyTorch", []) == ""
    text = shown.getvalue()
    assert "[2/3] PyTorch: downloading torch (191.9 MB)" in text
    assert text.endswith("[2/3] PyTorch: done (0:00)\n") or "done (0:0" in text
    if out is Terminal:
        assert "50 %" in text
    assert "No space left" in pip.run("[2/3] PyTorch", ["fail"])
    assert shown.getvalue().rstrip().endswith(")") and "failed" in shown.getvalue()
    assert "Downloading https" in log.read_text(encoding="utf-8") and "Progress" not in log.read_text(encoding="utf-8")


def test_a_failed_step_leaves_no_marker_and_says_the_cause(project, monkeypatch, capsys):
    mark(project, extras="engine,gateway")
    (project / "pyproject.toml").write_text("changed")
    monkeypatch.setattr(run, "pip_version", lambda python: (25, 0))
    monkeypatch.setattr(Pip, "run", lambda self, title, arguments: "NewConnectionError: x")
    assert run.main(["doctor"], FakeMachine(builds=("cpu",)), project) == 1
    shown = capsys.readouterr().out
    assert "up to date" in shown and "no connection to the package server" in shown and "set-up.log" in shown
    assert not (project / ".venv" / "acestep-ready").exists()


def test_a_damaged_environment_is_made_anew(project, monkeypatch):
    steps = []
    monkeypatch.setattr(run, "make_venv", lambda machine, root: steps.append("venv"))
    monkeypatch.setattr(Pip, "run", lambda self, title, arguments: steps.append(title) or "")
    run.make_environment(FakeMachine(builds=("cpu",)), project, "cpu", ["engine"])
    assert steps == ["venv", "[2/3] PyTorch 2.13.0", "[3/3] acestep-bridge and what it needs"]
    assert run.read_marker(project)[1:] == ("cpu", {"engine", "base"})


@pytest.mark.skipif(os.name == "nt", reason="a signal of POSIX")
def test_an_interrupt_is_left_to_the_command(tmp_path):
    """subprocess.run would kill it after a quarter of a second, in the middle of cancelling its job."""
    slow = """
import sys, time
try:
    print("on", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(0.6)
    sys.exit(130)
"""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import run
sys.exit(run.follow([sys.executable, "-c", {slow!r}]))
"""
    outer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert outer.stdout is not None and outer.stdout.readline() == b"on\n"
    os.killpg(outer.pid, signal.SIGINT)
    assert outer.wait(HANG_SECONDS) == 130
    outer.stdout.close()


def test_the_test_command_runs_lint_types_and_tests():
    commands = run.command_of(ROOT, FakeMachine(), ["test", "-x"])
    assert [c[2] for c in commands] == ["ruff", "ruff", "mypy", "pytest"]
    assert commands[-1][-1] == "-x"


SAYS = "import sys, time; time.sleep(float(sys.argv[2])); print(sys.argv[1]); sys.exit(int(sys.argv[3]))"


def checked(folder, types, tests):
    """The exit status of `check` with commands that say their names after some seconds and end with a status."""
    words = (("lint", "0", "0"), ("types", *types), ("tests", *tests))
    return run.check([[sys.executable, "-c", SAYS, *word] for word in words], folder)


def test_types_are_checked_beside_the_tests(tmp_path, capfd):
    assert checked(tmp_path, ("0", "0"), ("0", "0")) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["", "lint", "tests", "types"]


@pytest.mark.parametrize(("tests", "code"), [("0", 1), ("3", 3)])
def test_bad_types_are_told_last(tests, code, tmp_path, capfd):
    assert checked(tmp_path, ("0", "1"), ("0", tests)) == code
    assert capfd.readouterr().out.splitlines() == ["lint", "tests", "", "types"]


def test_after_ctrl_c_nothing_goes_on(tmp_path, capfd):
    assert checked(tmp_path, ("600", "0"), ("0", "2")) == 2
    assert capfd.readouterr().out.splitlines() == ["lint", "tests"]


def test_bad_style_ends_the_test_command(tmp_path):
    assert run.check([[sys.executable, "-c", SAYS, "lint", "0", "7"], [], []], tmp_path) == 7


def test_help_and_no_words():
    shown = subprocess.run([sys.executable, ROOT / "run.py", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "run.py demo" in shown.stdout
    assert subprocess.run([sys.executable, ROOT / "run.py"], capture_output=True).returncode == 2


def test_help_without_docstrings():
    environment = {**os.environ, "PYTHONOPTIMIZE": "2"}
    words = [sys.executable, ROOT / "run.py", "--help"]
    assert b"run.py demo" in subprocess.run(words, env=environment, capture_output=True).stdout


@pytest.mark.parametrize("module", ["hashlib", "platform", "subprocess", "urllib", "pathlib"])
def test_another_programs_library_does_not_stand_before_ours(module, tmp_path):
    (tmp_path / f"{module}.py").write_text("raise ImportError('for another Python')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    shown = subprocess.run([sys.executable, ROOT / "run.py", "--help"], env=environment, capture_output=True)
    assert shown.returncode == 0 and b"run.py demo" in shown.stdout, shown.stderr


def test_a_command_gets_no_settings_of_another_python(monkeypatch, capfd):
    for name in ("PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "1")
    code = "import os, sys; print(sorted(n for n in os.environ if n.startswith('PYTHON')), sys.flags.optimize)"
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert run.follow([sys.executable, "-c", code]) == 0
    said = capfd.readouterr().out
    assert "PYTHONPATH" not in said and "PYTHONIOENCODING" in said and said.strip().endswith("0")


def test_a_full_disk_does_not_stop_pip_from_being_heard(tmp_path):
    """The log could not be written, nobody read what pip said any more, and it stood still."""
    code = "import sys; print('x' * 100_000); sys.exit('ERROR: No space left on device')"
    pip = Pip([sys.executable, "-c", code], os.environ, tmp_path / "no folder" / "log", io.StringIO())
    assert "No space left on device" in pip.run("step", [])

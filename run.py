#!/usr/bin/env python3
"""Sets everything up and runs the main job, the tests, or any acestep-bridge command. Standard library only."""

import os
import sys

if __name__ == "__main__":  # another program's folders for another Python must not stand before the standard library
    _foreign = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) not in _foreign - {sys.path[0]}]

if sys.version_info < (3, 8):  # noqa: UP036  it cannot even read what tells others that they are too old
    sys.exit("Python {}.{} is too old: acestep-bridge needs 3.11 or newer (python.org).".format(*sys.version_info))

import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if __name__ == "__main__" and str(ROOT) not in sys.path:  # Python was told not to look beside the script
    sys.path.insert(0, str(ROOT))

from bridge.set_up.environment import (  # noqa: E402  standard library only: nothing is installed yet
    Pips,
    environment_programs,
    fingerprint,
    is_ready,
    make_venv,
    pip_version,
    read_marker,
)
from bridge.set_up.foreign import own_environment  # noqa: E402
from bridge.set_up.machine import Machine, SetupError, check_python, say  # noqa: E402
from bridge.set_up.pytorch import BUILDS, SIZES_GB, choose_build, torch_index, torch_version  # noqa: E402

INTERRUPTED = 2  # what pytest ends with after Ctrl-C
HELP = """Sets everything up and runs the main job, the tests, or any acestep-bridge command.

    python3 run.py demo        sets up, then regenerates four bars of a song and shows the result
    python3 run.py test        sets up, then runs lint, type checks and the test suite
    python3 run.py setup       sets up only
    python3 run.py COMMAND...  sets up, then runs `acestep-bridge COMMAND...`

Options before the command: --cpu or --cuda decide which build of PyTorch is installed; --client installs none, for a
machine that lets another one render. The environment is made in `.venv` beside this file. A second run finds it and
starts at once.
"""


def make_environment(machine, root, build, extras):
    """Make or update `.venv` with the tested versions. Raises SetupError with the remedy."""
    python, _ = environment_programs(root, machine.system)
    need, free = SIZES_GB[build] + 1, machine.free_gb(root)
    _, _, had = read_marker(root)
    if not had and free < need:
        raise SetupError(f"Setting up needs {need:.1f} GB of disk; {free:.1f} GB are free. Free some, run this again.")
    log = root / ".venv" / "set-up.log"
    if had:
        say("The project or the wish has changed: bringing the environment in .venv up to date.")
    else:
        say(f"Setting up, once: {BUILDS[build]}, about {SIZES_GB[build]:.1f} GB in {root / '.venv'}.")
        say("It takes some minutes, mostly downloads. Ctrl-C stops it; the next run goes on where it was.")
    (root / ".venv" / "acestep-ready").unlink(missing_ok=True)
    if not pip_version(python):
        say("[1/3] Environment: making it ...")
        make_venv(machine, root)
    pips = Pips(machine, python, log)
    if build == "client":
        extras = [extra for extra in extras if extra != "engine"]
        say("[2/3] PyTorch: left out; this machine can let another one render (acestep-bridge link).")
    else:
        version = torch_version(root)
        index = torch_index(machine, build, version)
        pips.install(f"[2/3] PyTorch {version}", "torch==" + version, *(["--index-url", index] if index else []))
    wanted = f"{root}[{','.join(extras)}]" if extras else str(root)
    constraints = str(root / "constraints.txt")
    pips.install("[3/3] acestep-bridge and what it needs", "--constraint", constraints, "--editable", wanted)
    words = f"{fingerprint(root)} {build} {','.join(sorted(had | set(extras) | {'base'}))}"
    (root / ".venv" / "acestep-ready").write_text(words, encoding="utf-8")
    say("Ready.")


def command_of(root, machine, words):
    """The programs to run, in order, for the words after the options."""
    python, bridge = environment_programs(root, machine.system)
    if words[0] == "setup":
        return []
    if words[0] != "test":
        return [[str(bridge), *words]]
    checks = [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder", *words[1:]],
    ]
    return [[str(python), "-m", *check] for check in checks]


def called():
    """How the user calls this script, for the commands that the program proposes."""
    python = "py" if os.name == "nt" else "python3"
    try:
        script = os.path.relpath(ROOT / "run.py")
    except ValueError:  # on another drive
        script = str(ROOT / "run.py")
    return f'{python} "{script}"' if " " in script else f"{python} {script}"


def follow(command, cwd=None, environment=None):
    """Run a command to its end. Ctrl-C is for the command, which cancels its job; a SIGTERM is passed on."""
    process = subprocess.Popen(command, cwd=cwd, env={**own_environment(), **(environment or {})})
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


class Beside:
    """A command that runs while another one has the terminal: a good end is told at once, a bad one when asked for."""

    def __init__(self, command, cwd):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._process = subprocess.Popen(command, cwd=cwd, env=own_environment(), **streams)
        self._said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self._said = self._process.communicate()[0].decode(errors="replace")
        if self._process.returncode == 0:
            say("\n" + self._said.rstrip())

    def end(self, now=False):
        """Wait for its end, or bring it about; its exit status."""
        if now:
            self._process.terminate()
        self._reader.join()
        if self._process.returncode != 0 and not now:
            say("\n" + self._said.rstrip())
        return self._process.returncode


def check(commands, root):
    """Lint, then the tests with the types (the last but one) beside them, which take one processor. The exit status."""
    *lint, types, tests = commands
    for command in lint:
        code = follow(command, root)
        if code != 0:
            return code
    beside = Beside(types, root)
    code = follow(tests, root)
    found = beside.end(now=code < 0 or code == INTERRUPTED)
    return code or found


def set_up(machine, root, wanted, words):
    """Make the environment unless it is there."""
    extras = ["engine", "gateway", "test"] if words[0] == "test" else ["engine", "gateway"]
    if not is_ready(root, machine, wanted, extras):
        check_python(machine)
        _, before, _ = read_marker(root)
        as_before = before if before in BUILDS else None
        make_environment(machine, root, choose_build(machine, wanted or as_before), extras)


def main(arguments, machine=None, root=ROOT):
    machine = machine or Machine()
    wanted = None
    words = list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console may lack letters of the folder's name
    while words and words[0] in ("--cpu", "--cuda", "--client"):
        wanted = words.pop(0)[2:]
    if not words or words[0] in ("-h", "--help"):
        say(HELP)
        return 0 if words else 2
    try:
        set_up(machine, root, wanted, words)
        commands = command_of(root, machine, words)
        if words[0] == "test":  # tests see messages as the command itself words them
            return check(commands, root)
        for command in commands:
            code = follow(command, None, {"ACESTEP_BRIDGE_CALLED": called()})
            if code != 0:
                return code
    except SetupError as error:
        say("\n" + str(error))
        return 1
    except OSError as error:
        say(f"\n{error}\nIf this goes on: delete the folder {root / '.venv'}, then run this again.")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

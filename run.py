#!/usr/bin/env python3
"""Sets everything up and runs the main job, the tests, or any acestep-bridge command. Standard library only."""

import os
import sys

if __name__ == "__main__":  # another program's folders for another Python must not stand before the standard library
    _foreign = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) not in _foreign - {sys.path[0]}]

import hashlib
import importlib.util
import platform
import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

HELP = """Sets everything up and runs the main job, the tests, or any acestep-bridge command.

    python3 run.py demo        sets up, then regenerates four bars of a song and shows the result
    python3 run.py test        sets up, then runs lint, type checks and the test suite
    python3 run.py setup       sets up only
    python3 run.py COMMAND...  sets up, then runs `acestep-bridge COMMAND...`

Options before the command: --cpu or --cuda decide which build of PyTorch is installed; --client installs none, for a
machine that lets another one render. The environment is made in `.venv` beside this file. A second run finds it and
starts at once.
"""

ROOT = Path(__file__).resolve().parent
OLDEST, NEWEST = (3, 11), (3, 14)
PYTORCH_INDEX = "https://download.pytorch.org/whl"
CUDA_BUILDS = {"cu130": (13, 0), "cu128": (12, 0), "cu126": (12, 0)}  # with the CUDA that the driver must know
INDEX_SECONDS = 4
BUILDS = {"cpu": "PyTorch for the CPU", "cuda": "PyTorch for NVIDIA GPUs", "client": "without PyTorch"}
SIZES_GB = {"cpu": 1.6, "cuda": 7.5, "client": 0.5}
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "20")
PIP_THAT_COUNTS = (24, 1)  # the first whose downloads can be followed


class SetupError(Exception):
    """What is missing, and what to install."""


class Machine:
    """What the set-up needs to know of this machine; tests give other ones."""

    def __init__(self):
        self.system = platform.system()
        self.arch = platform.machine()
        self.python = sys.version_info[:2]
        self.executable = sys.executable
        self.is_64_bit = sys.maxsize > 2**32

    def has_module(self, name):
        return importlib.util.find_spec(name) is not None

    def free_gb(self, folder):
        return shutil.disk_usage(folder).free / 1e9

    def index_offers(self, build, version):
        """Whether PyTorch's own index can be reached, within seconds, and has this version in this build."""
        try:
            with urllib.request.urlopen(f"{PYTORCH_INDEX}/{build}/torch/", timeout=INDEX_SECONDS) as page:
                return f"torch-{version}".encode() in page.read()
        except (OSError, ValueError):
            return False

    def cuda_version(self):
        """The newest CUDA that the NVIDIA driver knows; None without a driver, (0, 0) where it does not say."""
        if shutil.which("nvidia-smi") is None:
            return None
        try:
            shown = subprocess.run(["nvidia-smi"], capture_output=True, text=True, errors="replace", timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = re.search(r"CUDA[^:]*Version: *(\d+)\.(\d+)", shown.stdout)
        if shown.returncode != 0:
            return None
        return (int(found[1]), int(found[2])) if found else (0, 0)


def _dotted(version):
    return ".".join(str(part) for part in version)


def say(text):
    print(text, flush=True)


def environment_programs(root, system):
    """Paths of the environment's Python and of the acestep-bridge command."""
    if system == "Windows":
        return root / ".venv" / "Scripts" / "python.exe", root / ".venv" / "Scripts" / "acestep-bridge.exe"
    return root / ".venv" / "bin" / "python", root / ".venv" / "bin" / "acestep-bridge"


def check_python(machine):
    """Raise SetupError unless this Python fits and can make environments."""
    version = _dotted(machine.python)
    if tuple(machine.python) < OLDEST:
        raise SetupError(
            f"Python {version} is too old: acestep-bridge needs {_dotted(OLDEST)} or newer. "
            "Get it from python.org, then run this again with it."
        )
    if tuple(machine.python) > NEWEST:
        how = "py -3.13 run.py" if machine.system == "Windows" else "python3.13 run.py"
        raise SetupError(
            f"Python {version} is newer than PyTorch's builds ({_dotted(OLDEST)} to {_dotted(NEWEST)}). "
            f"Install Python 3.13 from python.org beside it, then: {how} ..."
        )
    if not machine.is_64_bit:
        raise SetupError(f"This is a 32-bit Python {version}. Install the 64-bit one from python.org.")
    if not (machine.has_module("venv") and machine.has_module("ensurepip")):
        raise SetupError(
            "This Python cannot make environments: its venv module is missing. On Debian and Ubuntu install it with\n"
            f"    sudo apt install python{version}-venv\nthen run this again."
        )


def choose_build(machine, wanted):
    """Which PyTorch: "cpu", "cuda", or "client" where there is none (Intel Macs) or none is wanted."""
    if machine.system == "Darwin" and machine.arch == "x86_64":
        return "client"
    if wanted is not None:
        return wanted
    return "cuda" if machine.system != "Darwin" and machine.cuda_version() is not None else "cpu"


def torch_index(machine, build, version):
    """The index to take torch from, or None for pip's own."""
    if build == "client" or machine.system == "Darwin":
        return None
    say(f"Looking for PyTorch's own index (at most {INDEX_SECONDS} s a try) ...")
    for name in ("cpu",) if build == "cpu" else cuda_builds(machine.cuda_version()):
        if machine.index_offers(name, version):
            return f"{PYTORCH_INDEX}/{name}"
    more = " It may bring the CUDA build, about 5 GB more." if build == "cpu" and machine.system == "Linux" else ""
    say(f"It cannot be reached from here or lacks this version; going on with plain pip.{more}")
    return None


def cuda_builds(driver):
    """Builds that a driver of this CUDA version can run, the newest first; all where it is not known."""
    fitting = [name for name, needs in CUDA_BUILDS.items() if driver in (None, (0, 0)) or driver >= needs]
    if not fitting:
        raise SetupError(
            f"The NVIDIA driver knows CUDA {_dotted(driver)} only; PyTorch needs 12.0. Update the driver, or go on "
            "without the GPU: run.py --cpu ..."
        )
    return fitting


def torch_version(root):
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.split("==", 1)[1].strip()
    raise SetupError("constraints.txt names no torch version: this folder is incomplete; unpack the download again.")


def fingerprint(root):
    """Changes when the environment must be made anew."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape"))
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def read_marker(root):
    """What the environment was made with: fingerprint, build, extras; empty words where it was not made whole."""
    try:
        words = (root / ".venv" / "acestep-ready").read_text(encoding="utf-8").split()
    except OSError:
        words = []
    have, build, extras = (*words, "", "", "")[:3]
    return have, build, set(extras.split(",")) - {""}


def is_ready(root, machine, wanted, extras):
    """Whether the environment was made whole, for this version of the project, with these extras."""
    have, build, had = read_marker(root)
    if not all(program.exists() for program in environment_programs(root, machine.system)):
        return False
    needed = set(extras) - ({"engine"} if build == "client" else set())
    return have == fingerprint(root) and needed <= had and (wanted is None or build in (wanted, "client"))


class Pips:
    """Runs pip in the environment, step by step, and turns failures into sentences."""

    def __init__(self, machine, python, log):
        from bridge.set_up.foreign import pip_environment
        from bridge.set_up.pip_run import Pip

        self._machine, self._log = machine, log
        bar = ("--progress-bar", "raw" if pip_version(python) >= PIP_THAT_COUNTS else "off")
        self._pip = Pip([str(python), "-m", "pip", "install", *PIP_OPTIONS, *bar], pip_environment([str(python)]), log)

    def install(self, title, *arguments):
        from bridge.set_up.causes import cause_of

        said = self._pip.run(title, arguments)
        if said:
            python = f"{_dotted(self._machine.python)} on {self._machine.system} {self._machine.arch}"
            lines = said.splitlines()
            last = "\n".join("    " + line.strip() for line in [x for x in lines if "ERROR" in x][-2:] or lines[-4:])
            raise SetupError(f"{last}\n\n{cause_of(said, python)}\nThe whole log: {self._log}")


def pip_version(python):
    """The environment's pip, as numbers; () where it does not run. Without settings, which may be damaged."""
    from bridge.set_up.foreign import own_environment

    alone = {name: value for name, value in own_environment().items() if not name.startswith("PIP_")}
    alone["PIP_CONFIG_FILE"] = os.devnull
    try:
        shown = subprocess.run([str(python), "-m", "pip", "--version"], env=alone, capture_output=True, text=True)
    except OSError:
        return ()
    found = re.match(r"pip (\d+)\.(\d+)", shown.stdout)
    return (int(found[1]), int(found[2])) if shown.returncode == 0 and found else ()


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


def make_venv(machine, root):
    """An empty environment in `.venv`, in place of a damaged one."""
    command = [machine.executable, "-m", "venv", "--clear", str(root / ".venv")]
    from bridge.set_up.foreign import own_environment

    made = subprocess.run(command, env=own_environment(), capture_output=True, text=True, errors="replace")
    if made.returncode != 0:
        from bridge.set_up.causes import cause_of

        said = (made.stdout + made.stderr).strip()
        raise SetupError(f"{said[-600:]}\n\n{cause_of(said, _dotted(machine.python))}")


def command_of(root, machine, words):
    """The programs to run, in order, for the words after the options."""
    python, bridge = environment_programs(root, machine.system)
    if words[0] == "setup":
        return []
    if words[0] != "test":
        return [[str(bridge), *words]]
    checks = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["pytest", *words[1:]]]
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
    from bridge.set_up.foreign import own_environment

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


def set_up(machine, root, wanted, words):
    """Make the environment unless it is there."""
    extras = ["engine", "test"] if words[0] == "test" else ["engine"]
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
        is_test = words[0] == "test"  # tests see messages as the command itself words them
        for command in command_of(root, machine, words):
            code = follow(command, root if is_test else None, {} if is_test else {"ACESTEP_BRIDGE_CALLED": called()})
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

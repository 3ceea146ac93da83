#!/usr/bin/env python3
"""Sets everything up and runs the main job, the tests, or any acestep-bridge command. Standard library only.

    python3 run.py demo        sets up, then regenerates four bars of a song and shows the result
    python3 run.py test        sets up, then runs lint, type checks and the test suite
    python3 run.py setup       sets up only
    python3 run.py COMMAND...  sets up, then runs `acestep-bridge COMMAND...`

Options before the command: --cpu or --cuda decide which build of PyTorch is installed.
The environment is made in `.venv` beside this file. A second run finds it and starts at once.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
PYTORCH_INDEX = "https://download.pytorch.org/whl"
CUDA_BUILDS = ("cu130", "cu128", "cu126")
INDEX_SECONDS = 4
BUILDS = {"cpu": "PyTorch for the CPU", "cuda": "PyTorch for NVIDIA GPUs", "client": "without PyTorch"}
SIZES_GB = {"cpu": 1.6, "cuda": 7.5, "client": 0.5}


class SetupError(Exception):
    """What is missing, and what to install."""


class Machine:
    """What the set-up needs to know of this machine; tests give other ones."""

    def __init__(self):
        self.system = platform.system()
        self.arch = platform.machine()
        self.python = sys.version_info[:2]
        self.executable = sys.executable

    def has(self, program):
        return shutil.which(program) is not None

    def has_module(self, name):
        return subprocess.run([self.executable, "-c", "import " + name], capture_output=True).returncode == 0

    def free_gb(self, folder):
        return shutil.disk_usage(folder).free / 1e9

    def index_offers(self, build, version):
        """Whether PyTorch's own index can be reached, within seconds, and has this version in this build."""
        try:
            with urllib.request.urlopen(f"{PYTORCH_INDEX}/{build}/torch/", timeout=INDEX_SECONDS) as page:
                return f"torch-{version}".encode() in page.read()
        except (OSError, ValueError):
            return False

    def has_nvidia_driver(self):
        if not self.has("nvidia-smi"):
            return False
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0


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
    """Raise SetupError unless this Python is new enough and can make environments."""
    if tuple(machine.python) < OLDEST:
        raise SetupError(
            f"Python {_dotted(machine.python)} is too old: acestep-bridge needs {_dotted(OLDEST)} or newer. "
            "Get it from python.org, then run this again with it."
        )
    if not (machine.has_module("venv") and machine.has_module("ensurepip")):
        package = f"python{_dotted(machine.python)}-venv"
        raise SetupError(
            "This Python cannot make environments: its venv module is missing. On Debian and Ubuntu install it with\n"
            f"    sudo apt install {package}\nthen run this again."
        )


def choose_build(machine, wanted):
    """Which PyTorch: "cpu", "cuda", or "client" where there is none (Intel Macs)."""
    if machine.system == "Darwin" and machine.arch == "x86_64":
        return "client"
    if wanted in ("cpu", "cuda"):
        return wanted
    return "cuda" if machine.system != "Darwin" and machine.has_nvidia_driver() else "cpu"


def torch_index(machine, build, version):
    """The index to take torch from, or None for pip's own."""
    if build == "client" or machine.system == "Darwin":
        return None
    say(f"Looking for PyTorch's own index (at most {INDEX_SECONDS} s a try) ...")
    for name in ("cpu",) if build == "cpu" else CUDA_BUILDS:
        if machine.index_offers(name, version):
            return f"{PYTORCH_INDEX}/{name}"
    say("It cannot be reached from here or lacks this version; going on with plain pip.")
    return None


def torch_version(root):
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.split("==", 1)[1].strip()
    raise SetupError("constraints.txt names no torch version: this folder is incomplete; unpack the download again.")


def fingerprint(root, build, extras):
    """Changes when the environment must be made anew."""
    digest = hashlib.sha256(repr((str(root), build, sys.version_info[:3])).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest() + " " + ",".join(sorted(extras))


def is_ready(root, python, build, extras):
    """Whether the environment was made whole, for this version of the project, with these extras."""
    marker = root / ".venv" / "acestep-ready"
    if not (python.exists() and marker.exists()):
        return False
    have, _, had_extras = marker.read_text(encoding="utf-8").partition(" ")
    want = fingerprint(root, build, extras).split(" ")[0]
    return have == want and set(extras) <= set(had_extras.split(","))


def pip(python, *arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "on"]
    code = subprocess.run(command + list(arguments), env=environment).returncode
    if code != 0:
        raise SetupError(
            "pip could not install everything (its words are above). Check the network and the free disk space, then "
            "run the same command again: it goes on where it stopped."
        )


def make_environment(machine, root, build, extras):
    """Make `.venv` with the tested versions. Raises SetupError with the remedy."""
    python, _ = environment_programs(root, machine.system)
    need = SIZES_GB[build]
    if machine.free_gb(root) < need + 1:
        free = machine.free_gb(root)
        raise SetupError(
            f"Setting up needs {need + 1:.1f} GB of disk; {free:.1f} GB are free. Free some, run this again."
        )
    say(f"[1/3] Making the environment in .venv ({BUILDS[build]}, about {need:.1f} GB in all) ...")
    marker = root / ".venv" / "acestep-ready"
    if marker.exists():
        marker.unlink()
    if not python.exists():
        subprocess.run([machine.executable, "-m", "venv", "--clear", str(root / ".venv")], check=True)
    if build != "client":
        version = torch_version(root)
        index = torch_index(machine, build, version)
        say(f"[2/3] Installing PyTorch {version} from {index or 'the usual place'} ...")
        pip(python, "torch==" + version, *(["--index-url", index] if index else []))
    else:
        extras = [e for e in extras if e != "engine"]
        say("[2/3] PyTorch has no build for Intel Macs: this machine can be a client of another one.")
    say("[3/3] Installing acestep-bridge and what it needs ...")
    constraints = str(root / "constraints.txt")
    wanted = f"{root}[{','.join(extras)}]" if extras else str(root)
    pip(python, "--constraint", constraints, "--editable", wanted)
    marker.write_text(fingerprint(root, build, extras), encoding="utf-8")
    say("Ready.")


def command_of(root, machine, words):
    """The programs to run, in order, for the words after the options."""
    python, bridge = environment_programs(root, machine.system)
    if words[0] == "setup":
        return []
    if words[0] != "test":
        return [[str(bridge), *words]]
    checks = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["pytest", *words[1:]]]
    return [[str(python), "-m", *check] for check in checks]


def main(arguments, machine=None, root=ROOT):
    machine = machine or Machine()
    wanted = None
    words = list(arguments)
    while words and words[0] in ("--cpu", "--cuda"):
        wanted = words.pop(0)[2:]
    if not words or words[0] in ("-h", "--help"):
        say(__doc__)
        return 0 if words else 2
    try:
        check_python(machine)
        python, _ = environment_programs(root, machine.system)
        build = choose_build(machine, wanted)
        extras = ["engine", "test"] if words[0] == "test" else ["engine"]
        if not is_ready(root, python, build, extras):
            make_environment(machine, root, build, extras)
        for command in command_of(root, machine, words):
            code = subprocess.run(command, cwd=root if words[0] == "test" else None).returncode
            if code != 0:
                return code
    except SetupError as error:
        say("\n" + str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""This machine, as far as the set-up must know it: Python, disk, graphics driver, where PyTorch can be had."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from bridge.foreign_text import shown

OLDEST, NEWEST = (3, 11), (3, 14)
PYTORCH_INDEX = "https://download.pytorch.org/whl"
INDEX_SECONDS = 4


class SetupError(Exception):
    """What is missing, and what to install."""


class Machine:
    """What the set-up needs to know of this machine; tests give other ones."""

    def __init__(self) -> None:
        self.system = platform.system()
        self.arch = platform.machine()
        self.python = sys.version_info[:2]
        self.executable = sys.executable
        self.is_64_bit = sys.maxsize > 2**32

    def has_module(self, name: str) -> bool:
        """Whether this Python can import it."""
        return importlib.util.find_spec(name) is not None

    def free_gb(self, folder: Path) -> float:
        """What is free on the folder's disk."""
        return shutil.disk_usage(folder).free / 1e9

    def index_offers(self, build: str, version: str) -> bool:
        """Whether PyTorch's own index can be reached, within seconds, and has this version in this build."""
        try:
            with urllib.request.urlopen(f"{PYTORCH_INDEX}/{build}/torch/", timeout=INDEX_SECONDS) as page:
                return f"torch-{version}".encode() in page.read()
        except (OSError, ValueError):
            return False

    def cuda_version(self) -> tuple[int, int] | None:
        """The newest CUDA that the NVIDIA driver knows; None without a driver, (0, 0) where it does not say."""
        if shutil.which("nvidia-smi") is None:
            return None
        try:
            shown = subprocess.run(["nvidia-smi"], capture_output=True, text=True, errors="replace", timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        known = re.search(r"CUDA[^:]*Version: *(\d+)\.(\d+)", shown.stdout)
        if shown.returncode != 0:
            return None
        return (int(known[1]), int(known[2])) if known else (0, 0)


def dotted(version: tuple[int, ...]) -> str:
    """A version such as (3, 11) as people write it."""
    return ".".join(str(part) for part in version)


def say(text: str) -> None:
    """A line for the user, at once."""
    print(shown(text), flush=True)


def check_python(machine: Machine) -> None:
    """Raise SetupError unless this Python fits and can make environments."""
    version = dotted(machine.python)
    if tuple(machine.python) < OLDEST:
        raise SetupError(
            f"Python {version} is too old: acestep-bridge needs {dotted(OLDEST)} or newer. "
            "Get it from python.org, then run this again with it."
        )
    if tuple(machine.python) > NEWEST:
        how = "py -3.13 run.py" if machine.system == "Windows" else "python3.13 run.py"
        raise SetupError(
            f"Python {version} is newer than PyTorch's builds ({dotted(OLDEST)} to {dotted(NEWEST)}). "
            f"Install Python 3.13 from python.org beside it, then: {how} ..."
        )
    if not machine.is_64_bit:
        raise SetupError(f"This is a 32-bit Python {version}. Install the 64-bit one from python.org.")
    if not (machine.has_module("venv") and machine.has_module("ensurepip")):
        raise SetupError(
            "This Python cannot make environments: its venv module is missing. On Debian and Ubuntu install it with\n"
            f"    sudo apt install python{version}-venv\nthen run this again."
        )

"""The environment in `.venv`: what it was made with, making an empty one, and pip in it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

from bridge.set_up.causes import cause_of
from bridge.set_up.foreign import own_environment, pip_environment
from bridge.set_up.machine import Machine, SetupError, dotted
from bridge.set_up.pip_run import Pip

PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "20")
PIP_THAT_COUNTS = (24, 1)  # the first whose downloads can be followed


def environment_programs(root: Path, system: str) -> tuple[Path, Path]:
    """Paths of the environment's Python and of the acestep-bridge command."""
    if system == "Windows":
        return root / ".venv" / "Scripts" / "python.exe", root / ".venv" / "Scripts" / "acestep-bridge.exe"
    return root / ".venv" / "bin" / "python", root / ".venv" / "bin" / "acestep-bridge"


def fingerprint(root: Path) -> str:
    """Changes when the environment must be made again."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape"))
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def read_marker(root: Path) -> tuple[str, str, set[str]]:
    """What the environment was made with: fingerprint, build, extras; empty words where it was not made whole."""
    try:
        words = (root / ".venv" / "acestep-ready").read_text(encoding="utf-8").split()
    except OSError:
        words = []
    have, build, extras = (*words, "", "", "")[:3]
    return have, build, set(extras.split(",")) - {""}


def is_ready(root: Path, machine: Machine, wanted: str | None, extras: list[str]) -> bool:
    """Whether the environment was made whole, for this version of the project, with these extras."""
    have, build, had = read_marker(root)
    if not all(program.exists() for program in environment_programs(root, machine.system)):
        return False
    needed = set(extras) - ({"engine"} if build == "client" else set())
    return have == fingerprint(root) and needed <= had and (wanted is None or build in (wanted, "client"))


class Pips:
    """Runs pip in the environment, step by step, and turns failures into sentences."""

    def __init__(self, machine: Machine, python: Path, log: Path) -> None:
        self._machine, self._log = machine, log
        bar = ("--progress-bar", "raw" if pip_version(python) >= PIP_THAT_COUNTS else "off")
        self._pip = Pip([str(python), "-m", "pip", "install", *PIP_OPTIONS, *bar], pip_environment([str(python)]), log)

    def install(self, title: str, *arguments: str) -> None:
        """One step. Raises SetupError with pip's last words, the cause and the remedy."""
        output = self._pip.run(title, arguments)
        if output:
            python = f"{dotted(self._machine.python)} on {self._machine.system} {self._machine.arch}"
            lines = output.splitlines()
            last = "\n".join("    " + line.strip() for line in [x for x in lines if "ERROR" in x][-2:] or lines[-4:])
            raise SetupError(f"{last}\n\n{cause_of(output, python)}\nThe whole log: {self._log}")


def pip_version(python: Path) -> tuple[int, ...]:
    """The environment's pip, as numbers; () where it does not run. Without settings, which may be damaged."""
    alone = {name: value for name, value in own_environment().items() if not name.startswith("PIP_")}
    alone["PIP_CONFIG_FILE"] = os.devnull
    try:
        shown = subprocess.run([str(python), "-m", "pip", "--version"], env=alone, capture_output=True, text=True)
    except OSError:
        return ()
    known = re.match(r"pip (\d+)\.(\d+)", shown.stdout)
    return (int(known[1]), int(known[2])) if shown.returncode == 0 and known else ()


def make_venv(machine: Machine, root: Path) -> None:
    """An empty environment in `.venv`, in place of a damaged one."""
    command = [machine.executable, "-m", "venv", "--clear", str(root / ".venv")]
    process = subprocess.run(command, env=own_environment(), capture_output=True, text=True, errors="replace")
    if process.returncode != 0:
        output = (process.stdout + process.stderr).strip()
        raise SetupError(f"{output[-600:]}\n\n{cause_of(output, dotted(machine.python))}")

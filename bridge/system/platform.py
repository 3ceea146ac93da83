"""The machine as the REAPER installer sees it: system, folders, registry, running programs.

A Platform is handed in everywhere, so that Windows and macOS layouts are tested on any system. `here()` describes
the machine it runs on. Knows nothing of REAPER.
"""

from __future__ import annotations

import os
import platform as _platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

WINDOWS, MACOS, LINUX = "Windows", "Darwin", "Linux"
_PYTHON_CORE = r"Software\Python\PythonCore"


@dataclass(frozen=True)
class RegisteredPython:
    """A Python in the Windows registry: HKCU or HKLM, its version key such as 3.11, and where it lies."""

    hive: str
    version: str
    install_path: str


def _no_registry() -> list[RegisteredPython]:
    return []


def _unknown_processes() -> list[str] | None:
    return None


@dataclass(frozen=True)
class Platform:
    """One machine. `root` is put before absolute POSIX paths, for tests; `processes` gives None where unknown."""

    system: str
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    machine: str = "x86_64"
    root: Path = Path("/")
    registry: Callable[[], list[RegisteredPython]] = _no_registry
    processes: Callable[[], list[str] | None] = _unknown_processes

    def path(self, absolute: str) -> Path:
        """An absolute POSIX path under this machine's root."""
        return self.root / absolute.lstrip("/")

    @property
    def separator(self) -> str:
        return "\\" if self.system == WINDOWS else "/"


def here() -> Platform:
    """The machine this runs on."""
    return Platform(
        system=_platform.system(),
        home=Path.home(),
        env=dict(os.environ),
        machine=_platform.machine(),
        registry=_read_registry,
        processes=_running,
    )


def _running() -> list[str] | None:
    """Names of running programs, or None where they cannot be listed."""
    if sys.platform.startswith("linux"):
        return _linux_processes()
    command = ["tasklist", "/fo", "csv", "/nh"] if sys.platform == "win32" else ["ps", "-axo", "comm="]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [line.split('","')[0].strip('" ') for line in lines]


def _linux_processes() -> list[str] | None:
    names = []
    try:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    names.append((folder / "comm").read_text(encoding="utf-8", errors="replace").strip())
                except OSError:
                    continue  # it has ended meanwhile
    except OSError:
        return None
    return names


def _read_registry() -> list[RegisteredPython]:
    if sys.platform != "win32":
        return []
    import winreg

    pythons: list[RegisteredPython] = []
    for name, hive in (("HKCU", winreg.HKEY_CURRENT_USER), ("HKLM", winreg.HKEY_LOCAL_MACHINE)):
        try:
            with winreg.OpenKey(hive, _PYTHON_CORE) as core:
                versions = [winreg.EnumKey(core, i) for i in range(winreg.QueryInfoKey(core)[0])]
        except OSError:
            continue
        for version in versions:
            try:
                path = winreg.QueryValue(hive, rf"{_PYTHON_CORE}\{version}\InstallPath")
            except OSError:
                continue
            pythons.append(RegisteredPython(name, version, path))
    return pythons

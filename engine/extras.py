"""Packages that only some uses need, and the command that installs them into this environment. Knows no use."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import subprocess
import sys

DISTRIBUTION = "acestep-bridge"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def packages_of(extra: str) -> list[str]:
    """The packages of an extra, such as midi, by name."""
    wanted = re.compile(rf"extra *== *['\"]{re.escape(extra)}['\"]")
    requirements = [line for line in importlib.metadata.requires(DISTRIBUTION) or [] if wanted.search(line)]
    return [name[0] for line in requirements if (name := _NAME.match(line))]


def how_to_install(extra: str) -> str:
    """The command for this very environment: the project is on no registry, and `pip` may be another Python's."""
    words = [sys.executable, "-m", "pip", "install", *packages_of(extra)]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)

"""A disk that notes what is written, ends a process in the middle of it, or is full. By LD_PRELOAD, on Linux."""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("disk.c")


@dataclass(frozen=True)
class End:
    """A process whose command line holds `who` ends itself by a signal at its `change`-th change of the disk.

    `half`: where that is a write, half of it is done before.
    """

    who: str
    change: int
    signal: int
    half: bool = False


def can_be_built() -> bool:
    """Whether this machine can make and use the library."""
    return sys.platform == "linux" and shutil.which("gcc") is not None


@functools.cache
def library() -> Path:
    """The library, built once for each text of its source."""
    name = f"acestep-disk-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    path = Path(tempfile.gettempdir()) / name
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / name
            subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(made), str(SOURCE), "-lpthread"], check=True)
            made.replace(path)
    return path


def on_disk(root: Path, end: End | None = None, full: Path | None = None, log: Path | None = None) -> dict[str, str]:
    """The environment of a process whose files under `root` lie on such a disk; `full` is a file that makes it full."""
    environment = {"LD_PRELOAD": str(library()), "DISK_ROOT": str(root.resolve())}
    if end is not None:
        environment |= {"DISK_WHO": end.who, "DISK_SIGNAL": str(int(end.signal))}
        environment |= {"DISK_END": f"{end.change} half" if end.half else str(end.change)}
    if full is not None:
        environment["DISK_FULL"] = str(full)
    if log is not None:
        environment["DISK_LOG"] = str(log)
    return environment

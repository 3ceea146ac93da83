"""Whether the files of this software are those that a process began with: after an update it goes on as it was.

What such a process imports later, and the processes that it starts, are of the new software. Knows no daemon.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

SOFTWARE = Path(__file__).parents[2]  # where it lies
END_IT = (
    "`acestep-bridge daemon stop` ends the old one; the next command starts the new one, and jobs that wait "
    "go on there."
)
UPDATED = f"The software was updated while its daemon ran. {END_IT}"
_FOLDERS = (SOFTWARE / "bridge", SOFTWARE / "engine")
_LOOK_SECONDS = 5.0


class OwnCode:
    """The files as they were when this was made. Each look takes some hundredths of a second."""

    def __init__(self, folders: tuple[Path, ...] = _FOLDERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._folders, self._clock = folders, clock
        self._began, self._looked, self._changed = _state(folders), clock(), False

    def changed(self) -> bool:
        """Whether one is another than at the start, new or gone; looked at no more often than each five seconds."""
        now = self._clock()
        if not self._changed and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._changed = _state(self._folders) != self._began
        return self._changed


def why_another(updated: bool, software: str) -> str:
    """What to do where a daemon that says so of itself is not of this software as it is now; "" where it is."""
    if updated:
        return UPDATED
    try:
        is_ours = not software or os.path.samefile(software, SOFTWARE)
    except OSError:  # gone
        is_ours = False
    return "" if is_ours else f"The daemon that runs is of the software in {software}. {END_IT}"


@cache
def own_code() -> OwnCode:
    """That of this process, as it was at the first call."""
    return OwnCode()


def _state(folders: tuple[Path, ...]) -> int:
    return hash(frozenset(fact for folder in folders for fact in _facts(os.fspath(folder))))


def _facts(folder: str) -> Iterator[tuple[str, int, int]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _facts(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_mtime_ns, status.st_size

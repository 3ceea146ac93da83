"""Whose a folder of audio is: a daemon removes what its own jobs do not use, which another home's jobs may need.

A link can make one folder that of two homes. A file in it names the home; knows no job and no lock.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from bridge.protocol.errors import HomeError
from bridge.system.atomic import write_private

_NAME = "home.txt"


def claim(folder: Path, home: Path) -> None:
    """Note that the audio in `folder` is that of `home`. Raises HomeError where it still is another home's."""
    mark = folder / _NAME
    with contextlib.suppress(OSError):
        for left in folder.glob(f".{_NAME}.*.part"):  # by a start that was killed
            left.unlink()
    other = _named(mark)
    if other is not None and not _same(other, home) and _has(other, folder):
        raise HomeError(
            f"{home / 'audio'} is {other / 'audio'}, too: each daemon would remove audio that only the other's jobs "
            f"use. Give {home} a folder of its own in place of the link, or use --home {other}. Where {other} is not "
            f"used any more, remove {mark}."
        )
    if other != home:
        with contextlib.suppress(OSError):  # a full disk keeps no daemon from its start
            write_private(mark, os.fsencode(home))


def _named(mark: Path) -> Path | None:
    with contextlib.suppress(OSError, ValueError):
        return Path(os.fsdecode(mark.read_bytes())) if mark.stat().st_size < 1 << 16 else None
    return None


def _has(home: Path, folder: Path) -> bool:
    return (home / "jobs.sqlite3").exists() and _same(home / "audio", folder)


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return os.path.samefile(one, other)
    return False

"""A set of file changes that happens whole or not at all.

First everything is checked (readable, writable, not a folder), then written file by file; when one fails, those
before it get their old bytes back. Knows no DAW.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.installing.refusal import InstallRefused
from bridge.system.atomic import write_atomic


@dataclass(frozen=True)
class Change:
    """`path` gets these bytes; None deletes it."""

    path: Path
    data: bytes | None


def carry_out(changes: Sequence[Change], field: str = "resource_path") -> list[Path]:
    """Make all changes that change something; returns the paths, in order. Raises InstallRefused, having undone all.

    `field` is what names another folder.
    """
    needed = [change for change in changes if read_or_none(change.path) != change.data]
    for change in needed:
        _check(change.path, field)
    done: list[Change] = []
    folders: list[Path] = []
    try:
        for change in needed:
            done.append(Change(change.path, read_or_none(change.path)))
            folders += _make_parents(change.path)
            _apply(change)
    except OSError as error:
        _undo(done, folders)
        raise _refusal(change.path, f"an error ({error.strerror or error})", field) from error
    return [change.path for change in needed]


def read_or_none(path: Path) -> bytes | None:
    """A file's bytes; None where there is no file. Raises InstallRefused for a folder or what cannot be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _refusal(path, f"{error.strerror or error} while reading it") from error


def remove_empty_folders(folder: Path, stop: Path) -> None:
    """Remove `folder` and the ones above it, below `stop`, as long as they are empty."""
    while folder != stop and stop in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _apply(change: Change) -> None:
    if change.data is None:
        change.path.unlink()
    else:
        write_atomic(change.path, change.data)


def _undo(done: list[Change], folders: list[Path]) -> None:
    for change in reversed(done):
        if read_or_none(change.path) == change.data:
            continue
        _apply(change)
    for folder in reversed(folders):
        folder.rmdir()


def _make_parents(path: Path) -> list[Path]:
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
    return missing[::-1]


def _check(path: Path, field: str) -> None:
    parent = next(folder for folder in path.parents if folder.exists())
    if not parent.is_dir():
        raise _refusal(parent, "a file where a folder should be", field)
    for place in (parent, path):
        if place.exists() and (not os.access(place, os.W_OK) or place.stat().st_mode & 0o222 == 0):
            raise _refusal(place, "a read-only place", field)


def _refusal(path: Path, got: str, field: str = "resource_path") -> InstallRefused:
    remedy = "Nothing was changed. Make it writable for your user, or name another folder with "
    remedy += f"--{field.replace('_', '-')}."
    return InstallRefused(field, f"{got}: {path}", "files that can be written", remedy)

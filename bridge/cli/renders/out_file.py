"""Where a render's audio goes: format from the extension, a name that is free, never over the source. Knows no daemon.

Names are taken before the render, by making the file empty where there is none: two commands never write the same
one, and what the file system refuses (a name too long, a folder without permission) is said before the work.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from bridge.file_names import length, shortened
from engine.atomic import replacing
from engine.errors import InvalidRequest

PIPE = Path("-")  # standard output
FORMATS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".ogg": "ogg"}
_LONGEST_STEM = 200  # bytes of a name that is made here: room for a number and an ending
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class Wish:
    """The file that is wanted: `out`, or one named after `stem`. `force`: replace what is there."""

    out: Path | None
    stem: str
    force: bool = False


class Outputs:
    """Files that this command alone writes. What it has made and not written is gone at the end."""

    def __init__(self, wish: Wish, suffix: str, count: int = 1) -> None:
        """Take `count` names. Raises `InvalidRequest`, having taken none."""
        self._wish, self._suffix = wish, suffix
        self._empty: set[Path] = set()
        self.paths: list[Path] = []
        try:
            while len(self.paths) < count:
                self._take_one()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def put(self, index: int, rendered: Path) -> Path:
        """Copy a result to the file of that number, whole or not at all. Raises WriteError."""
        while len(self.paths) <= index:
            self._take_one()
        target = self.paths[index]
        place(rendered, target)
        self._empty.discard(target)
        return target

    def close(self) -> None:
        """Give back what was not written."""
        for path in self._empty:
            with contextlib.suppress(OSError):
                path.unlink()
        self._empty.clear()

    def _take_one(self) -> None:
        out = self._wish.out
        path = self._next_free() if out is None else numbered(out, len(self.paths))
        if out is not None and not self._is_ours(path):
            raise _exists(path)
        self.paths.append(path)

    def _is_ours(self, path: Path) -> bool:
        if _made(path):
            self._empty.add(path)
            return True
        return self._wish.force and path.is_file()

    def _next_free(self) -> Path:
        """The first free name in the current folder: stem.wav, stem-2.wav, ..."""
        stem = shortened(self._wish.stem, _LONGEST_STEM)
        names = (f"{stem}-{n}.{self._suffix}" for n in itertools.count(2))
        for name in itertools.chain([f"{stem}.{self._suffix}"], names):
            if _made(path := Path(name)):
                self._empty.add(path)
                return path
        raise AssertionError("numbers do not end")


class Piped:
    """Standard output in place of a file: one result, byte for byte."""

    paths: Sequence[Path] = (PIPE,)

    def __init__(self, count: int, as_json: bool, stream: Any = None) -> None:
        """Raises `InvalidRequest` for more than one result, JSON on the same stream, or a terminal."""
        self._stream = sys.stdout if stream is None else stream
        if as_json:
            raise _refused("- together with --json", "one of them on standard output", "Name a file, or leave --json.")
        if count != 1:
            raise _refused(f"- for {count} results", "one result", "Name a file, or leave --variations out.")
        if self._stream.isatty():
            raise _refused("- on a terminal", "a pipe or a file behind it", "Say, for example, -o - | ffplay -.")

    def __enter__(self) -> Piped:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def put(self, index: int, made: Path) -> Path:
        """Write a result to the stream. Raises OSError where its reader is gone."""
        with made.open("rb") as file:
            shutil.copyfileobj(file, self._stream.buffer)
        self._stream.buffer.flush()
        return PIPE


def outputs(wish: Wish, suffix: str, count: int, as_json: bool) -> Outputs | Piped:
    """Where results go: files whose names are taken now, or standard output for -."""
    return Piped(count, as_json) if wish.out == PIPE else Outputs(wish, suffix, count)


def format_of(out: Path | None, format_given: str | None, sources: Sequence[Path]) -> str:
    """The format that the file's name says. Raises `InvalidRequest` for a name that cannot be written."""
    if out is None or out == PIPE:
        return format_given or "wav"
    if not out.name:
        raise _refused("no name", "a file", "Say, for example, -o out.wav.")
    wanted = FORMATS.get(out.suffix.lower())
    if wanted is None:
        raise _refused(f"{out.name!r}", "a name that ends in " + ", ".join(FORMATS), "Say, for example, -o out.wav.")
    if format_given and format_given != wanted:
        raise _refused(f"{out.name!r} and --format {format_given}", "the same format twice", "Leave --format out.")
    for source in sources:
        if _is_same(out, source):
            raise _refused(f"the source {out}", "another file than the source", "The source is never overwritten.")
    return wanted


def place(rendered: Path, target: Path) -> None:
    """Copy a result of the daemon over the file `target`, whole or not at all. Raises WriteError."""
    target = Path(os.path.realpath(target))  # a link stays one
    with replacing(target) as temporary:
        shutil.copyfile(rendered, temporary)
        if target.exists():
            shutil.copymode(target, temporary)


def numbered(target: Path, number: int) -> Path:
    """The file of result `number`, counted from 0: out.wav, out-2.wav, out-3.wav."""
    return target if number == 0 else target.with_stem(f"{target.stem}-{number + 1}")


def _made(path: Path) -> bool:
    """Make the file empty; False where there is one. Raises `InvalidRequest` for a name that cannot be written."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


def _unwritable(path: Path, error: OSError) -> InvalidRequest:
    if error.errno == errno.ENAMETOOLONG:
        got = f"a name of {length(path.name)} bytes in a path of {length(str(path.absolute()))}"
        return _refused(got, "at most 255 and 4096 bytes, as most systems take", "Choose a shorter name.")
    if error.errno in _NO_PERMISSION:
        return _refused(f"{path}", "a folder in which you may write", "Choose another folder.")
    if not path.absolute().parent.is_dir():
        return _refused(f"{path}", "a file in a folder that exists", "Make the folder first, or name another file.")
    return _refused(
        f"{path} ({error.strerror})", "a file that can be written", "Free some space, or name another file."
    )


def _exists(path: Path) -> InvalidRequest:
    if path.is_dir():
        return _refused(f"the folder {path}", "a file in a folder that exists", "Name a file in it.")
    return _refused(f"{path}, which exists", "a name that is free", "Choose another name, or replace it: --force.")


def _is_same(out: Path, source: Path) -> bool:
    try:
        return out.samefile(source)
    except OSError:
        return False


def _refused(got: str, expected: str, remedy: str) -> InvalidRequest:
    return InvalidRequest("-o", got, expected, remedy)

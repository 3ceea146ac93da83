"""Where a render's audio goes: format from the extension, a default name, never over the source. Knows no daemon."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engine.errors import InvalidRequest

FORMATS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".ogg": "ogg"}


def plan_output(out: Path | None, stem: str, format_given: str | None, sources: Sequence[Path]) -> tuple[Path, str]:
    """The file to write and its format. `stem` names it where no `out` is given. Raises `InvalidRequest`."""
    if out is None:
        return _free_name(stem, format_given or "wav"), format_given or "wav"
    wanted = FORMATS.get(out.suffix.lower())
    if wanted is None:
        raise _refused(f"{out.name!r}", "a name that ends in " + ", ".join(FORMATS), "Say, for example, -o out.wav.")
    if format_given and format_given != wanted:
        raise _refused(f"{out.name!r} and --format {format_given}", "the same format twice", "Leave --format out.")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise _refused(f"{out}", "a file in a folder that exists", "Make the folder first, or name another file.")
    if not os.access(out.absolute().parent, os.W_OK):
        raise _refused(f"{out}", "a folder in which you may write", "Choose another folder.")
    for source in sources:
        if out.exists() and source.exists() and out.samefile(source):
            raise _refused(f"the source {out}", "another file than the source", "The source is never overwritten.")
    return out, wanted


def place(made: Path, target: Path) -> Path:
    """Copy a result of the daemon to where the user wants it, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    os.close(handle)
    try:
        shutil.copyfile(made, name)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def numbered(target: Path, number: int) -> Path:
    """The file of result `number`, counted from 0: out.wav, out-2.wav, out-3.wav."""
    return target if number == 0 else target.with_stem(f"{target.stem}-{number + 1}")


def _free_name(stem: str, suffix: str) -> Path:
    """A name in the current folder that is not taken."""
    path, number = Path(f"{stem}.{suffix}"), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}.{suffix}")
    return path


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _refused(got: str, expected: str, remedy: str) -> InvalidRequest:
    return InvalidRequest("-o", got, expected, remedy)

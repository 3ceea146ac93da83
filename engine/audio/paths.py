"""Paths as the bindings of the readers take them. Knows no audio."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

_LONGEST_BYTES = 1_000  # libsndfile refuses longer paths; the system does not


def system_name(path: str | os.PathLike[str]) -> Path | bytes:
    """The path, or its bytes where they are no UTF-8: soundfile encodes texts strictly and fails for those."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return Path(path)


@contextlib.contextmanager
def for_soundfile(path: Path, mode: Literal["rb", "w+b"] = "rb") -> Iterator[Path | bytes | BinaryIO]:
    """What soundfile opens the file by: its name, or the open file where the name is longer than libsndfile takes."""
    if len(os.fsencode(path)) <= _LONGEST_BYTES:
        yield system_name(path)
        return
    with path.open(mode) as file:
        yield file


def name_or_content(path: Path) -> str | io.BytesIO:
    """The path, or what the file holds where its name is no UTF-8: pedalboard takes no bytes."""
    return io.BytesIO(path.read_bytes()) if isinstance(system_name(path), bytes) else str(path)

"""Whether a WAV or AIFF file holds all the samples that its header promises.

libsndfile shortens such a file silently, so a broken download would be taken for a shorter song. Other containers
are left to their decoders. A WAV whose length was never filled in (0xFFFFFFFF, written to a pipe) is accepted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import InvalidRequest

_UNKNOWN = 0xFFFFFFFF


def check(path: Path) -> None:
    """Raises InvalidRequest (field "audio") if the file is a WAV or AIFF cut short; does nothing otherwise."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64") and head[8:] in (b"WAVE", b""):
            _check_samples(path, size, _wave_chunks(file), b"data")
        elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            _check_samples(path, size, _chunks(file, ">"), b"SSND")


def _check_samples(path: Path, size: int, chunks: Iterator[tuple[bytes, int, int]], wanted: bytes) -> None:
    for name, start, length in chunks:
        if name == wanted:
            if start + length > size:
                raise _truncated(path, f"its header promises {length} bytes of samples and {size - start} are there")
            return
    raise _truncated(path, "it has no samples")


def _wave_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Chunks of a RIFF or RF64 file, with the 64-bit length of its samples where there is one."""
    long_length: int | None = None
    for name, start, length in _chunks(file, "<"):
        if name == b"ds64":
            file.seek(start + 8)
            long_length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
        if name == b"data" and length == _UNKNOWN:
            length = long_length if long_length is not None else 0
        yield name, start, length


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, position of its content, length) of each chunk after the 12-byte head."""
    position = 12
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack(order + "4sI", head)
        yield name, position + 8, length
        position += 8 + length + length % 2


def find_chunk(path: str | os.PathLike[str], wanted: bytes) -> bytes | None:
    """The content of a WAV's chunk by its four-letter name, or None. The samples are skipped, never read."""
    with Path(path).open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64"):
            return None
        for name, start, length in _wave_chunks(file):
            if name == wanted:
                file.seek(start)
                return file.read(length)
    return None


def _truncated(path: Path, what: str) -> InvalidRequest:
    return InvalidRequest(
        "audio",
        f"{path.name}, which is truncated: {what}",
        "a complete audio file",
        "Export or copy the audio again.",
    )

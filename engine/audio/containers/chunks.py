"""Chunks of RIFF, IFF and their kin, and where samples end when a chunk's length is a guess.

Lengths of samples are wrong in files that were written to a pipe (0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF), by recorders
that crashed (an early length), beyond 4 GB (the length modulo 2^32), and by writers that count wrongly. What follows
the samples decides: chunks of other names, or more samples.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from engine.audio.containers.layout import SLACK_BYTES, difference, truncated

_LEAST_PLACEHOLDER = 0x7FFF0000
_TAIL_BYTES = 1 << 22
_KNOWN = frozenset(
    b"LIST|id3 |ID3 |bext|iXML|cue |smpl|inst|acid|_PMX|JUNK|junk|PAD |FLLR|PEAK|fact|LGWV|minf|elm1|regn|umid|DISP"
    b"|cart|axml|chna|levl|plst|afsp|SAUR|DGDA|strc|AFAn|ResU|SNDM|NAME|ANNO|AUTH|(c) |MARK|INST|COMT|APPL|MIDI|AESD"
    b"|FVER|CHAN|basc|trns|tlst".split(b"|")
)


@dataclass(frozen=True)
class Chunk:
    """One chunk: its content is [start, start + length) of the file, as far as its header says."""

    name: bytes
    start: int
    length: int


@dataclass(frozen=True)
class Samples:
    """A stretch of samples: [start, end) of the file, and what to say of it."""

    start: int
    end: int
    notes: tuple[str, ...] = ()


def walk(file: BinaryIO, size: int, order: str = "<", at: int = 12) -> Iterator[Chunk]:
    """The chunks from `at` on, as their headers say. A missing pad byte after an odd length is seen."""
    while at + 8 <= size:
        chunk = _chunk_at(file, at, order)
        yield chunk
        at = _after(file, chunk, size)


def _chunk_at(file: BinaryIO, at: int, order: str) -> Chunk:
    file.seek(at)
    name, length = struct.unpack(order + "4sI", file.read(8))
    return Chunk(name, at + 8, length)


def _after(file: BinaryIO, chunk: Chunk, size: int) -> int:
    """Where the next chunk begins."""
    end = chunk.start + chunk.length
    if chunk.length % 2 and end + 4 <= size:
        file.seek(end)
        if file.read(4) in _KNOWN | {b"data", b"fmt ", b"SSND", b"COMM"}:
            return end
    return end + chunk.length % 2


def samples_of(
    file: BinaryIO, name: str, size: int, chunk: Chunk, block: int, order: str = "<", outer_end: int | None = None
) -> Samples:
    """Where the samples of `chunk` truly end; `block` bytes a frame; `outer_end` where the whole claims to end.

    Raises InvalidRequest for a file cut short.
    """
    start, claimed = chunk.start, chunk.length
    rest = size - start
    if rest < 0:
        raise truncated(name, "its samples begin behind its end")
    if claimed == 0 and is_chain(file, start, size, order):
        return Samples(start, start)
    if claimed == 0 or (claimed >= _LEAST_PLACEHOLDER and claimed > rest):
        return Samples(
            start, _tail_start(file, start, size, order), ("its header has no length: it was read to its end",)
        )
    if claimed > rest:
        if claimed - rest > max(SLACK_BYTES, block) and outer_end != size:
            raise truncated(name, f"its header promises {claimed} bytes of samples and {rest} are there")
        end = _tail_start(file, start, size, order)
        return Samples(start, end, (difference(f"{claimed} bytes", f"{end - start}"),))
    return _claimed_or_more(file, size, chunk, block, order)


def _claimed_or_more(file: BinaryIO, size: int, chunk: Chunk, block: int, order: str) -> Samples:
    end = chunk.start + chunk.length
    padded = end if chunk.length % block else end + chunk.length % 2  # a length that cuts a frame is wrong itself
    frame_more = (size - chunk.start) // block > chunk.length // block
    nothing_more = not frame_more or is_chain(file, end, size, order) or is_chain(file, padded, size, order)
    if nothing_more or _is_padding(file, end, size):
        return Samples(chunk.start, end)
    true_end = _tail_start(file, chunk.start, size, order)
    return Samples(chunk.start, true_end, (difference(f"{chunk.length} bytes", f"{true_end - chunk.start}"),))


def is_chain(file: BinaryIO, at: int, size: int, order: str) -> bool:
    """Whether [at, size) is nothing but chunks: each with a readable name, the last ending at the end of the file."""
    known = False
    while size - at >= 8:
        chunk = _chunk_at(file, at, order)
        if not all(0x20 <= byte < 0x7F for byte in chunk.name):
            return _is_padding(file, at, size) if known else False
        known |= chunk.name in _KNOWN
        at = _after(file, chunk, size)
        if at > size + 1:
            return known
    return at >= size or _is_padding(file, at, size)


def _is_padding(file: BinaryIO, at: int, size: int) -> bool:
    """Whether [at, size) is zeros alone, or an ID3v1 tag."""
    file.seek(at)
    if size - at == 128 and file.read(3) == b"TAG":
        return True
    file.seek(at)
    while block := file.read(min(1 << 16, size - at)):
        if any(block):
            return False
        at += len(block)
        if at >= size:
            break
    return True


def _tail_start(file: BinaryIO, start: int, size: int, order: str) -> int:
    """Where chunks begin that stand behind samples of unknown length; `size` where there are none."""
    first = max(start, size - _TAIL_BYTES)
    file.seek(first)
    tail = file.read(size - first)
    ends = [size]
    for name in _KNOWN:
        at = tail.find(name)
        while at >= 0:
            if _reaches_the_end(file, first + at, size, order):
                ends.append(first + at)
                break
            at = tail.find(name, at + 1)
    return min(ends)


def _reaches_the_end(file: BinaryIO, at: int, size: int, order: str) -> bool:
    while size - at >= 8:
        chunk = _chunk_at(file, at, order)
        if chunk.name not in _KNOWN:
            return False
        at = _after(file, chunk, size)
    return 0 <= at - size <= 1

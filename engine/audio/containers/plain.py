"""Sun's AU and Apple's CAF: one header, then samples; both know a length that is not known."""

from __future__ import annotations

import struct
from typing import BinaryIO

from engine.audio.containers.chunks import Chunk, samples_of
from engine.audio.containers.layout import Layout, truncated

_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


def examine_au(file: BinaryIO, name: str, size: int) -> Layout:
    """The layout of an AU file of either byte order. Raises InvalidRequest for one that is cut short."""
    file.seek(0)
    head = file.read(24)
    if len(head) < 24:
        raise truncated(name, "it has no samples")
    order = "<" if head[:4] == b"dns." else ">"
    start, claimed, encoding, _rate, channels = struct.unpack(order + "4x5I", head)
    block = channels * _AU_WIDTHS.get(encoding, 0)
    samples = samples_of(file, name, size, Chunk(b"snd", start, claimed), block or 1, order)
    length = samples.end - samples.start
    length -= length % block if block else 0
    fixed = head[:4] + struct.pack(order + "2I", 24, length) + head[12:]
    repaired = (fixed, (start, start + length))
    return Layout("AU", length // block if block else None, (repaired,), length != claimed, samples.notes)


def examine_caf(file: BinaryIO, name: str, size: int) -> Layout:
    """The layout of a CAF file; its samples begin after an edit count of four bytes."""
    at, form, block = 8, b"", 0
    while at + 12 <= size:
        file.seek(at)
        kind, length = struct.unpack(">4sq", file.read(12))
        if kind == b"desc":
            form = file.read(32)
            block = struct.unpack_from(">8x4s4xI", form)[1] if form[8:12] == b"lpcm" and len(form) == 32 else 0
        if kind == b"data":
            return _caf(file, name, size, Chunk(b"data", at + 16, length - 4 if length >= 4 else 0), form, block)
        at += 12 + length if length >= 0 else size
    raise truncated(name, "it has no samples")


def _caf(file: BinaryIO, name: str, size: int, data: Chunk, form: bytes, block: int) -> Layout:
    if not block:  # packets: a table behind the samples tells their lengths
        if data.start + data.length > size:
            raise truncated(name, f"its header promises {data.length} bytes of samples, {size - data.start} are there")
        return Layout("CAF")
    notes: tuple[str, ...] = ()
    if data.length and _caf_chain(file, data.start + data.length, size):
        start, length = data.start, data.length
    else:
        samples = samples_of(file, name, size, data, block)
        start, length, notes = samples.start, samples.end - samples.start, samples.notes
    frames = length // block
    head = b"caff\0\1\0\0desc" + struct.pack(">q", 32) + form + b"data" + struct.pack(">qI", frames * block + 4, 0)
    repaired = (head, (start, start + frames * block))
    return Layout("CAF", frames, (repaired,), frames * block != data.length, notes)


def _caf_chain(file: BinaryIO, at: int, size: int) -> bool:
    """Whether [at, size) is nothing but CAF's chunks."""
    while at + 12 <= size:
        file.seek(at)
        kind, length = struct.unpack(">4sq", file.read(12))
        if length < 0 or not all(0x20 <= byte < 0x7F for byte in kind):
            return False
        at += 12 + length
    return at == size

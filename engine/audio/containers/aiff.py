"""AIFF and AIFF-C: the number of frames stands in COMM and, as bytes, in SSND; both are claims."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from engine.audio.containers.chunks import Chunk, samples_of, walk
from engine.audio.containers.layout import SLACK_BYTES, Layout, difference, truncated

_BYTES = {b"in24": 3, b"42ni": 3, b"in32": 4, b"23ni": 4, b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8}
_BYTES |= {b"ulaw": 1, b"alaw": 1, b"ULAW": 1, b"ALAW": 1}
_BY_BITS = (b"NONE", b"twos", b"sowt", b"raw ")


@dataclass(frozen=True)
class _Aiff:
    form: bytes
    common: bytes = b""
    sound: Chunk | None = None

    @property
    def frames(self) -> int:
        return int(struct.unpack_from(">I", self.common, 2)[0])

    @property
    def block(self) -> int:
        """Bytes a frame; 0 for packed samples."""
        channels, bits = struct.unpack_from(">H4xH", self.common)
        kind = self.common[18:22] if self.form == b"AIFC" else b"NONE"
        width = (bits + 7) // 8 if kind in _BY_BITS else _BYTES.get(kind, 0)
        return int(channels * width)


def examine(file: BinaryIO, name: str, size: int) -> Layout:
    """The layout of an AIFF file. Raises InvalidRequest for one that is cut short."""
    aiff = _read(file, size)
    if aiff.sound is None or len(aiff.common) < 18:
        raise truncated(name, "it has no samples")
    file.seek(aiff.sound.start - 8)
    offset = struct.unpack(">I", file.read(4))[0]
    sound = replace(aiff.sound, start=aiff.sound.start + offset, length=max(0, aiff.sound.length - offset))
    file.seek(4)
    outer = struct.unpack(">I", file.read(4))[0] + 8
    samples = samples_of(file, name, size, sound, aiff.block or 1, ">", outer)
    if not aiff.block:
        return Layout("AIFF")
    frames = _frames(aiff, samples.end - samples.start, name)
    notes = samples.notes or ((difference(f"{aiff.frames} samples", f"{frames}"),) if frames != aiff.frames else ())
    must = frames != aiff.frames or samples.end - samples.start != sound.length
    repaired = (_head(aiff, frames), (samples.start, samples.start + frames * aiff.block))
    return Layout("AIFF", frames, (repaired,), must, notes)


def _read(file: BinaryIO, size: int) -> _Aiff:
    file.seek(8)
    aiff = _Aiff(file.read(4))
    for chunk in walk(file, size, ">"):
        file.seek(chunk.start)
        if chunk.name == b"COMM":
            aiff = replace(aiff, common=file.read(min(chunk.length, 512)))
        elif chunk.name == b"SSND":
            aiff = replace(aiff, sound=Chunk(b"SSND", chunk.start + 8, max(0, chunk.length - 8)))
    return aiff


def _frames(aiff: _Aiff, length: int, name: str) -> int:
    """The frames that are there; a pad byte that SSND counts is none."""
    there, claimed = length // aiff.block, aiff.frames
    if (claimed - there) * aiff.block > SLACK_BYTES and claimed < 0x7FFFFFFF // aiff.block:
        raise truncated(name, f"its header promises {claimed} samples and {there} are there")
    is_pad = claimed * aiff.block % 2 and length == claimed * aiff.block + 1
    return claimed if is_pad else there


def _head(aiff: _Aiff, frames: int) -> bytes:
    common = aiff.common[:2] + struct.pack(">I", frames) + aiff.common[6:]
    chunks = _chunk(b"FVER", bytes.fromhex("a2805140")) if aiff.form == b"AIFC" else b""
    length = frames * aiff.block
    chunks += _chunk(b"COMM", common) + b"SSND" + struct.pack(">III", length + 8, 0, 0)
    return b"FORM" + struct.pack(">I", 4 + len(chunks) + length) + aiff.form + chunks


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">I", len(content)) + content + b"\0" * (len(content) % 2)

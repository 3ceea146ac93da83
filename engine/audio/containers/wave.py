"""RIFF, RIFX, RF64, BW64 (EBU Tech 3306, ITU-R BS.2088) and Sony's Wave64: format and samples."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from engine.audio.containers.chunks import Chunk, Samples, samples_of, walk
from engine.audio.containers.layout import Layout, truncated
from engine.audio.containers.segments import Segments
from engine.errors import InvalidRequest

_UNKNOWN = 0xFFFFFFFF
_PLAIN = {1: 0, 3: 0, 6: 1, 7: 1}  # PCM, float, A-law, mu-law: bytes a sample, 0: by its bits
_EXTENSIBLE, _MPEG_LAYER_3 = 0xFFFE, 0x55
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")


@dataclass(frozen=True)
class Wave:
    """`format` is the content of the fmt chunk, `facts` that of fact; `long_length` what ds64 says of the samples."""

    form: bytes
    order: str
    format: bytes = b""
    facts: bytes | None = None
    long_length: int | None = None
    data: Chunk | None = None
    outer_end: int | None = None


def examine(file: BinaryIO, name: str, size: int) -> Layout:
    """The layout of a WAV of any of these forms. Raises InvalidRequest for one that is cut short."""
    wave = _wave64(file, size) if _is_wave64(file) else _riff(file, size)
    if wave.data is None:
        raise truncated(name, "it has no samples")
    block = _block(wave)
    samples = samples_of(file, name, size, wave.data, block or 1, wave.order, wave.outer_end)
    frames = (samples.end - samples.start) // block if block else None
    if frames is not None:  # a last frame that is not whole is none
        samples = replace(samples, end=samples.start + frames * block)
    if _tag(wave) == _MPEG_LAYER_3:
        return _mpeg(file, name, samples)
    must = samples.end - samples.start != wave.data.length or wave.form == b"BW64"
    return Layout(_kind(wave), frames, (_rebuilt(wave, samples),), must, samples.notes)


def other_chunks(file: BinaryIO, size: int, names: tuple[bytes, ...], most_bytes: int) -> list[tuple[bytes, bytes]]:
    """(name, content) of the chunks of these names, before and behind the samples; none of a Wave64."""
    file.seek(0)
    if file.read(4) not in (b"RIFF", b"RF64", b"BW64"):
        return []
    wave = _riff(file, size)
    stop = size if wave.data is None else wave.data.start - 8
    found = [chunk for chunk in walk(file, stop) if chunk.start + chunk.length <= stop]
    if wave.data is not None:
        end = _end_of_samples(file, size, wave)
        found += [chunk for chunk in walk(file, size, at=end) if chunk.start + chunk.length <= size]
    kept = [chunk for chunk in found if chunk.name in names and chunk.length <= most_bytes]
    return [(chunk.name, _content(file, chunk)) for chunk in kept]


def _end_of_samples(file: BinaryIO, size: int, wave: Wave) -> int:
    """Where the chunk behind the samples begins."""
    assert wave.data is not None
    try:
        end = samples_of(file, "", size, wave.data, _block(wave) or 1, wave.order, wave.outer_end).end
    except InvalidRequest:
        return size
    if end == wave.data.start + wave.data.length and wave.data.length % 2:
        file.seek(end)
        return end if file.read(1).isalpha() else end + 1
    return end


def _content(file: BinaryIO, chunk: Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(chunk.length)


def _kind(wave: Wave) -> str:
    return "W64" if wave.form == b"riff" else "WAV"


def _mpeg(file: BinaryIO, name: str, samples: Samples) -> Layout:
    """An MP3 inside a WAV: its frames are what a decoder reads."""
    from engine.audio.containers import mpeg

    return replace(mpeg.examine(file, name, samples.end, samples.start), must_repair=True)


def _riff(file: BinaryIO, size: int) -> Wave:
    file.seek(0)
    form, outer = struct.unpack("<4sI4x", file.read(12).ljust(12, b"\0"))
    order = ">" if form == b"RIFX" else "<"
    wave = Wave(form, order, outer_end=outer + 8 if order == "<" else None)
    for chunk in walk(file, size, order):
        file.seek(chunk.start)
        if chunk.name == b"fmt ":
            wave = replace(wave, format=file.read(min(chunk.length, 1024)))
        elif chunk.name == b"fact":
            wave = replace(wave, facts=file.read(min(chunk.length, 64)))
        elif chunk.name == b"ds64":
            wave = _with_long_lengths(wave, file.read(16).ljust(16, b"\0"))
        elif chunk.name == b"data":
            length = wave.long_length if chunk.length == _UNKNOWN and wave.long_length is not None else chunk.length
            return replace(wave, data=replace(chunk, length=length))
    return wave


def _with_long_lengths(wave: Wave, content: bytes) -> Wave:
    outer, data = struct.unpack("<QQ", content)
    return replace(wave, long_length=data, outer_end=outer + 8)


def _is_wave64(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(16) == _W64_RIFF


def _wave64(file: BinaryIO, size: int) -> Wave:
    """Chunks with 16 bytes of GUID and 8 of length (of the whole chunk), on places that 8 divides."""
    wave, at = Wave(b"riff", "<"), 40
    while at + 24 <= size:
        file.seek(at)
        name, length = struct.unpack("<16sQ", file.read(24))
        if length < 24 and name != b"data" + _W64_TAIL:
            break
        if name == b"fmt " + _W64_TAIL:
            wave = replace(wave, format=file.read(min(length - 24, 1024)))
        elif name == b"fact" + _W64_TAIL:
            wave = replace(wave, facts=file.read(8))
        elif name == b"data" + _W64_TAIL:
            content = length - 24 if 24 <= length < 1 << 63 else 0
            return replace(wave, data=Chunk(b"data", at + 24, content))
        at += (length + 7) // 8 * 8
    return wave


def _tag(wave: Wave) -> int:
    if len(wave.format) < 16:
        return 0
    tag = int(struct.unpack_from(wave.order + "H", wave.format)[0])
    if tag == _EXTENSIBLE and len(wave.format) >= 26:
        return int(struct.unpack_from(wave.order + "H", wave.format, 24)[0])
    return tag


def _block(wave: Wave) -> int:
    """Bytes a frame of plain samples; 0 for packed ones, whose length only their decoder knows."""
    tag = _tag(wave)
    if tag not in _PLAIN:
        return 0
    channels, bits = struct.unpack_from(wave.order + "2xH10xH", wave.format)
    return channels * (_PLAIN[tag] or (bits + 7) // 8) if channels else 0


def _rebuilt(wave: Wave, samples: Samples) -> Segments:
    """The same samples behind a header that says their true length."""
    length, order = samples.end - samples.start, wave.order
    chunks = _chunk(b"fmt ", wave.format, order)
    if wave.facts is not None and not _block(wave):
        chunks += _chunk(b"fact", wave.facts[:4], order)
    whole = 4 + len(chunks) + 8 + length
    if whole <= _UNKNOWN:
        form = b"RIFX" if order == ">" else b"RIFF"
        head = form + struct.pack(order + "I", whole) + b"WAVE" + chunks + b"data" + struct.pack(order + "I", length)
    else:
        frames = length // (_block(wave) or 1)
        sizes = _chunk(b"ds64", struct.pack("<QQQI", whole + 36, length, frames, 0), "<")
        unknown = struct.pack("<I", _UNKNOWN)
        head = b"RF64" + unknown + b"WAVE" + sizes + chunks + b"data" + unknown
    return head, (samples.start, samples.end)


def _chunk(name: bytes, content: bytes, order: str) -> bytes:
    return name + struct.pack(order + "I", len(content)) + content + b"\0" * (len(content) % 2)

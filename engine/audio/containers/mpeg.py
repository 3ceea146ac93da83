"""MPEG audio (ISO 11172-3, 13818-3): every frame counted, whatever a Xing, Info or VBRI frame says; ADTS AAC as well.

A decoder guesses the length of a file without such a frame from its first bit rate. Here the frames are walked from the
first to the last, over tags and garbage; where the guess is wrong a Xing frame with the true number is put before them.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from engine.audio.containers.layout import Layout, difference, refused, truncated
from engine.audio.containers.segments import Segments, Span

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_BIT_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_FRAMES_TO_TRUST = 4
_FARTHEST_START = 1 << 18
_XING_BYTES = 32
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


@dataclass(frozen=True)
class Header:
    """One frame's header."""

    length: int
    samples: int
    sample_rate: int
    layer: int
    is_first_version: bool
    is_mono: bool
    has_crc: bool

    @property
    def stream(self) -> tuple[int, int, bool]:
        """What does not change inside a stream."""
        return self.sample_rate, self.layer, self.is_first_version

    @property
    def side_bytes(self) -> int:
        """Bytes of side information of layer III, behind which a Xing frame has its name."""
        mono, stereo = (17, 32) if self.is_first_version else (9, 17)
        return mono if self.is_mono else stereo


@dataclass
class Walk:
    """What was found: stretches of whole audio frames, their number, and the frame that tells the length."""

    first: Header
    runs: list[Span] = field(default_factory=list)
    frames: int = 0
    teller: Span | None = None
    channels_change: bool = False
    other_stream: bool = False
    tellers: int = 0


@lru_cache(maxsize=4096)
def _header(bits: int) -> Header | None:
    """A header from its 32 bits, the last four left out of `bits`."""
    word = bits << 4
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    rate_index, rate_code, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    if word >> 21 != 0x7FF or version == 1 or layer == 4 or rate_code == 3 or rate_index in (0, 15):
        return None
    rate = _RATES[version][rate_code]
    bit_rate = _BIT_RATES[1 if version == 3 else 2, layer][rate_index - 1] * 1000
    short = layer == 3 and version != 3
    samples = 384 if layer == 1 else 576 if short else 1152
    length = (12 * bit_rate // rate + padding) * 4 if layer == 1 else samples // 8 * bit_rate // rate + padding
    return Header(length, samples, rate, layer, version == 3, word >> 6 & 3 == 3, not word >> 16 & 1)


def header_at(data: mmap.mmap | bytes, at: int) -> Header | None:
    """The frame header at `at`, or None."""
    if at + 4 > len(data) or data[at] != 0xFF:
        return None
    return _header(int.from_bytes(data[at : at + 4], "big") >> 4)


def first_frame(data: mmap.mmap | bytes, at: int, stop: int, farthest: int = _FARTHEST_START) -> int | None:
    """Where `_FRAMES_TO_TRUST` frames (or all up to the end) follow one another, from `at` on."""
    last = min(stop, at + farthest)
    while (at := data.find(b"\xff", at, last)) >= 0:
        if _is_stream(data, at, stop):
            return at
        at += 1
    return None


def _is_stream(data: mmap.mmap | bytes, at: int, stop: int) -> bool:
    first = header_at(data, at)
    here: Header | None = first
    count = 0
    while first is not None and here is not None and here.stream == first.stream:
        count, at = count + 1, at + here.length
        if count >= _FRAMES_TO_TRUST or at >= stop - 4:
            return count >= 2 or at <= stop
        here = header_at(data, at)
    return count >= 1 and _is_tag(data, at)


def _is_tag(data: mmap.mmap | bytes, at: int) -> bool:
    return bytes(data[at : at + 3]) in (b"TAG", b"ID3") or bytes(data[at : at + 8]) in (b"APETAGEX", b"LYRICSBE")


def id3_end(data: mmap.mmap | bytes, at: int) -> int:
    """Where the ID3v2 tags that begin at `at` end; `at` where there is none."""
    while bytes(data[at : at + 3]) == b"ID3" and len(data) >= at + 10:
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return min(at, len(data))


def walk(data: mmap.mmap | bytes, start: int, stop: int) -> Walk | None:
    """All whole frames of [start, stop); None where there are none."""
    at = first_frame(data, start, stop)
    if at is None:
        return None
    first = header_at(data, at)
    assert first is not None
    found, run = Walk(first), at
    while at < stop:
        header = header_at(data, at)
        if header is not None and header.stream == first.stream and at + header.length <= stop:
            if _teller(data, at, header) is not None:
                _close(found, run, at)
                found.tellers += 1
                found.teller = found.teller or (at, at + header.length)
                run = at + header.length
            else:
                found.frames += 1
                found.channels_change |= header.is_mono != first.is_mono
            at += header.length
            continue
        _close(found, run, at)
        following = first_frame(data, id3_end(data, at) if _is_tag(data, at) else at + 1, stop, stop)
        if following is None:
            return found
        other = header_at(data, following)
        found.other_stream |= other is not None and other.stream != first.stream
        if found.other_stream:
            return found
        run = at = following
    _close(found, run, min(at, stop))
    return found


def _close(found: Walk, run: int, at: int) -> None:
    if at > run:
        found.runs.append((run, at))


def _teller(data: mmap.mmap | bytes, at: int, header: Header) -> tuple[bytes, int] | None:
    """Name and place of the words of a Xing, Info or VBRI frame; None for a frame of sound."""
    if header.layer != 3:
        return None
    for place in (at + 4 + header.side_bytes, at + 6 + header.side_bytes):
        if (name := bytes(data[place : place + 4])) in (b"Xing", b"Info"):
            return name, place
    return (b"VBRI", at + 36) if bytes(data[at + 36 : at + 40]) == b"VBRI" else None


@dataclass(frozen=True)
class Claim:
    """What a Xing, Info or VBRI frame says: frames, bytes of the stream, samples to leave out at start and end."""

    frames: int | None
    stream_bytes: int | None
    left_out: int = 0


def _claim(data: mmap.mmap | bytes, teller: Span) -> Claim:
    header = header_at(data, teller[0])
    assert header is not None
    words = _teller(data, teller[0], header)
    assert words is not None
    name, at = words
    if name == b"VBRI":
        stream_bytes, frames = struct.unpack_from(">II", data, at + 10)
        return Claim(frames, stream_bytes)
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    at += 8
    numbers: list[int | None] = [None, None]
    for bit in range(2):
        if flags >> bit & 1:
            numbers[bit] = int.from_bytes(data[at : at + 4], "big")
            at += 4
    at += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    trimmed = int.from_bytes(data[at + 21 : at + 24], "big") if at + 24 <= teller[1] else 0
    return Claim(numbers[0], numbers[1], (trimmed >> 12) + (trimmed & 0xFFF))


def examine(file: BinaryIO, name: str, stop: int, start: int = 0) -> Layout:
    """The layout of the MPEG audio in [start, stop). Raises InvalidRequest for what cannot be read whole."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = walk(data, id3_end(data, start), stop)
        if found is None or not found.frames:
            raise refused(name, "which begins as an MP3 and has no frames of one", remedy="Convert it to WAV.")
        if found.other_stream:
            got = "which changes its sample rate or kind of MPEG on the way: two files one after the other"
            raise refused(name, got, "one stream", f"Join them as one WAV: ffmpeg -i {name} whole.wav")
        return _layout(data, name, found)


def _layout(data: mmap.mmap, name: str, found: Walk) -> Layout:
    claim = _claim(data, found.teller) if found.teller else Claim(None, None)
    samples = found.frames * found.first.samples
    if _is_cut(claim, found):
        assert claim.frames is not None
        raise truncated(name, f"its header promises {claim.frames} frames and {found.frames} are there")
    told = claim.frames in (found.frames, found.frames + 1)
    clean = len(found.runs) == 1 and found.tellers == (1 if found.teller else 0)
    notes: tuple[str, ...] = ()
    if claim.frames is not None and not told:
        notes = (difference(f"{claim.frames} frames", f"{found.frames}"),)
    left_out = claim.left_out if told else 0
    repaired = _repaired(data, found, told)
    must = bool(notes) or not clean or found.teller is None
    layer3 = found.first.layer == 3
    must = (must if layer3 else not clean) or bool(notes)
    return Layout("MP3", samples - left_out, (repaired,), must, notes, 2 * found.first.samples, not layer3)


def _is_cut(claim: Claim, found: Walk) -> bool:
    """Whether frames and bytes are missing, as both the header's numbers say."""
    if claim.frames is None or not claim.stream_bytes or claim.frames <= found.frames + 1:
        return False
    there = sum(stop - start for start, stop in found.runs)
    return claim.stream_bytes - there > 4 * found.first.length


def _repaired(data: mmap.mmap, found: Walk, told: bool) -> Segments:
    """The frames alone behind a Xing frame with their true number; layers I and II have no such frame."""
    if found.first.layer != 3:
        return tuple(found.runs)
    if told and found.teller is not None:
        return found.teller, *found.runs
    return _xing(data, found), *found.runs


def _xing(data: mmap.mmap, found: Walk) -> bytes:
    """A frame like the first, long enough, silent, that tells the number of frames."""
    bits = int.from_bytes(data[found.runs[0][0] : found.runs[0][0] + 4], "big") | 1 << 16  # no CRC
    for index in range(1, 15):
        word = bits & ~(15 << 12) & ~(1 << 9) | index << 12
        header = _header(word >> 4)
        if header is not None and header.length >= 4 + header.side_bytes + _XING_BYTES:
            body = bytes(header.side_bytes) + b"Xing" + struct.pack(">II", 1, found.frames)
            return (word.to_bytes(4, "big") + body).ljust(header.length, b"\0")
    raise AssertionError("the longest frame holds a Xing header")


def adts_frames(data: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    """Whole AAC frames of an ADTS stream from `at` on, and their sample rate (of the core, before SBR)."""
    frames, rate = 0, 0
    while at + 7 <= len(data) and data[at] == 0xFF and data[at + 1] & 0xF6 == 0xF0:
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        index = data[at + 2] >> 2 & 15
        if length < 7 or index >= len(_ADTS_RATES) or at + length > len(data):
            break
        frames, rate, at = frames + 1 + (data[at + 6] & 3), _ADTS_RATES[index], at + length
    return frames, rate

"""FLAC (RFC 9639): where its frames end, whatever STREAMINFO says; depths that libsndfile cannot read.

The last frame carries its place (number of frame or sample), so the true length is read from the file's end. A frame is
known by its sync code, its CRC-8 and, to the last byte, its CRC-16.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import cache

from engine.audio.containers.layout import Layout, difference, refused, truncated

READABLE_BITS = (8, 16, 24)
_BLOCK_SIZES = {1: 192, **{k: 576 << (k - 2) for k in range(2, 6)}, **{k: 256 << (k - 8) for k in range(8, 16)}}
_MOST_FRAME_BYTES = 1 << 22
_INFO_BYTES = 34
_AGAIN = (b"fLaC\0\0\0\x22", b"fLaC\x80\0\0\x22")


@dataclass(frozen=True)
class StreamInfo:
    """The STREAMINFO block, which begins at `start` of the file; `frames_start` is where the first frame may lie."""

    start: int
    frames_start: int
    most_block: int
    least_block: int
    sample_rate: int
    channels: int
    bits: int
    samples: int
    md5: bytes


def stream_info(data: mmap.mmap | bytes, at: int) -> StreamInfo | None:
    """STREAMINFO of the stream whose `fLaC` stands at `at`; None where there is none."""
    start = at + 8
    if data[at : at + 4] != b"fLaC" or len(data) < start + _INFO_BYTES:
        return None
    least, most = struct.unpack_from(">HH", data, start)
    packed = int.from_bytes(data[start + 10 : start + 18], "big")
    rate, channels, bits = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    samples, md5 = packed & ((1 << 36) - 1), bytes(data[start + 18 : start + 34])
    return StreamInfo(start, _frames_start(data, at), most, least, rate, channels, bits, samples, md5)


def _frames_start(data: mmap.mmap | bytes, at: int) -> int:
    at += 4
    while at + 4 <= len(data):
        last, length = data[at] & 0x80, int.from_bytes(data[at + 1 : at + 4], "big")
        at += 4 + length
        if last:
            break
    return at


def examine(data: mmap.mmap | bytes, name: str, at: int = 0) -> Layout:
    """The layout of a FLAC file whose stream begins at `at`. Raises InvalidRequest for one cut short, or for two."""
    info = stream_info(data, at)
    if info is None:
        raise truncated(name, "it has no samples")
    if any(data.find(mark, info.frames_start) >= 0 for mark in _AGAIN):
        raise refused(name, "which holds two FLAC streams, one after the other", "one stream", "Join them as one WAV.")
    end = _without_tags(data)
    samples = _samples(data, info, end)
    if samples is None:
        raise truncated(name, "its last frame is not whole")
    if info.samples > samples:
        raise truncated(name, f"its header promises {info.samples} samples and {samples} are there")
    packed = int.from_bytes(data[info.start + 10 : info.start + 18], "big") >> 36 << 36 | samples
    patched = (bytes(data[: info.start + 10]), packed.to_bytes(8, "big"), bytes(16), (info.start + 34, len(data)))
    notes = () if info.samples == samples else (_note(info.samples, samples),)
    return Layout("FLAC", samples, (patched,), samples != info.samples, notes)


def _note(claimed: int, there: int) -> str:
    if not claimed:
        return "its header has no length: it was read to its end"
    return difference(f"{claimed} samples", f"{there}")


def _without_tags(data: mmap.mmap | bytes) -> int:
    """Where the file ends without an ID3v1 and an APEv2 tag."""
    end = len(data)
    if end >= 128 and data[end - 128 : end - 125] == b"TAG":
        end -= 128
    if end >= 32 and data[end - 32 : end - 24] == b"APETAGEX":
        length, _, flags = struct.unpack_from("<3I", data, end - 20)
        end -= length + (32 if flags >> 31 else 0)
    return max(end, 0)


def _samples(data: mmap.mmap | bytes, info: StreamInfo, end: int) -> int | None:
    """Samples up to the end of the last frame; None where that is not whole. Zeros behind it count for nothing."""
    at, stop = end, end
    first = max(info.frames_start, end - _MOST_FRAME_BYTES)
    while (at := data.rfind(b"\xff", first, at)) >= 0:
        total = _frame_end(data, info, at)
        if total is None:
            continue
        body = bytes(data[at:stop])
        if _crc16(body) == 0 or _crc16(body.rstrip(b"\0")) == 0:
            return total
        if total == info.samples:  # garbage behind a last frame that says what the header says
            return total
        return None
    return None


def _frame_end(data: mmap.mmap | bytes, info: StreamInfo, at: int) -> int | None:
    """The sample behind the frame whose header stands at `at`; None if there is no header."""
    head = bytes(data[at : at + 16])
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[3] >> 4 > 10:
        return None
    number, used = _coded_number(head[4:])
    if used == 0 or head[2] >> 4 == 0 or head[2] & 15 == 15:
        return None
    place = 4 + used
    size, place = _block_size(head, place)
    place += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if place >= len(head) or _crc8(head[:place]) != head[place]:
        return None
    first = number if head[1] & 1 else number * info.most_block
    return first + size


def _block_size(head: bytes, place: int) -> tuple[int, int]:
    code = head[2] >> 4
    if code == 6:
        return head[place] + 1, place + 1
    if code == 7:
        return int.from_bytes(head[place : place + 2], "big") + 1, place + 2
    return _BLOCK_SIZES[code], place


def _coded_number(data: bytes) -> tuple[int, int]:
    """A number in UTF-8's manner of up to 36 bits, and its bytes; (0, 0) if it is none."""
    first = data[0]
    if first < 0x80:
        return first, 1
    length = next((n for n in range(2, 8) if first >> (7 - n) == (1 << (n + 1)) - 2), 0)
    rest = data[1:length]
    if not length or len(rest) < length - 1 or any(byte & 0xC0 != 0x80 for byte in rest):
        return 0, 0
    number = first & ((1 << (7 - length)) - 1) if length < 7 else 0
    for byte in rest:
        number = number << 6 | byte & 0x3F
    return number, length


@cache
def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    def entry(value: int) -> int:
        value <<= bits - 8
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
        return value

    return tuple(entry(byte) for byte in range(256))


def _crc8(data: bytes) -> int:
    table, value = _table(0x07, 8), 0
    for byte in data:
        value = table[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    table, value = _table(0x8005, 16), 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value

"""Audio files made byte by byte, with the faults that writers leave: wrong lengths, chains, tags. No tests."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

RATE = 44100


def sound(frames: int = 30000, channels: int = 2, seed: int = 1) -> np.ndarray:
    """(frames, channels) int16, tones and noise."""
    time = np.arange(frames) / RATE
    noise = np.random.default_rng(seed).standard_normal((frames, channels))
    tones = np.stack([np.sin(2 * np.pi * (220 + 110 * c) * time) for c in range(channels)], axis=1)
    return np.rint((0.4 * tones + 0.05 * noise) * 32767).astype(np.int16)


def fmt(channels: int = 2, rate: int = RATE, bits: int = 16, tag: int = 1) -> bytes:
    block = channels * bits // 8
    return struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * block, block, bits)


def wav(
    data: bytes, claimed: int | None = None, riff: int | None = None, after: bytes = b"", head: bytes = b""
) -> bytes:
    """A RIFF file; `claimed` is what the data chunk says, `riff` what the whole says."""
    head = head or fmt()
    claimed = len(data) if claimed is None else claimed
    riff = 4 + len(head) + 8 + len(data) + len(after) if riff is None else riff
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + head + b"data" + struct.pack("<I", claimed) + data + after


def rf64(data: bytes, claimed: int, form: bytes = b"RF64") -> bytes:
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 4 + 36 + 24 + 8 + claimed, claimed, claimed // 4, 0)
    unknown = struct.pack("<I", 0xFFFFFFFF)
    return form + unknown + b"WAVE" + sizes + fmt() + b"data" + unknown + data


def w64(data: bytes, claimed: int) -> bytes:
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    content = fmt()[8:]
    head = bytes.fromhex("726966662e91cf11a5d628db04c10000")
    chunks = b"fmt " + tail + struct.pack("<Q", 24 + len(content)) + content
    chunks += b"data" + tail + struct.pack("<Q", claimed + 24)
    return head + struct.pack("<Q", 40 + len(chunks) + len(data)) + b"wave" + tail + chunks + data


def list_chunk(text: bytes = b"A song") -> bytes:
    content = b"INFOINAM" + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    return b"LIST" + struct.pack("<I", len(content)) + content


def aiff(data: bytes, frames: int, claimed: int | None = None, form: bytes = b"AIFF", kind: bytes = b"") -> bytes:
    """`frames` as COMM says, `claimed` the bytes of samples as SSND says."""
    rate = struct.pack(">HQ", 16383 + 15, RATE << 48)
    common = struct.pack(">HIH", 2, frames, 16) + rate + kind
    claimed = len(data) if claimed is None else claimed
    chunks = b"COMM" + struct.pack(">I", len(common)) + common
    chunks += b"SSND" + struct.pack(">III", (claimed + 8) & 0xFFFFFFFF, 0, 0) + data
    return b"FORM" + struct.pack(">I", 4 + len(chunks)) + form + chunks


def au(data: bytes, claimed: int) -> bytes:
    return b".snd" + struct.pack(">5I", 24, claimed, 3, RATE, 2) + data


def caf(data: bytes, claimed: int) -> bytes:
    form = struct.pack(">d4s5I", RATE, b"lpcm", 2, 4, 1, 2, 16)
    return b"caff\0\1\0\0desc" + struct.pack(">q", 32) + form + b"data" + struct.pack(">qI", claimed, 0) + data


def crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
    return value


def flac(samples: np.ndarray, bits: int, block: int = 256, total: int | None = None) -> bytes:
    """FLAC of verbatim frames; `samples` (frames, channels) of `bits`; `total` is what STREAMINFO says."""
    depth = {8: 1, 12: 2, 16: 4, 20: 5, 24: 6, 32: 7}[bits]
    frames, channels = samples.shape
    assert frames % block == 0 and frames // block < 128
    claimed = frames if total is None else total
    packed = RATE << 44 | (channels - 1) << 41 | (bits - 1) << 36 | claimed
    info = struct.pack(">HH6x", block, block) + packed.to_bytes(8, "big") + bytes(16)
    out = b"fLaC\x80" + len(info).to_bytes(3, "big") + info
    for number in range(frames // block):
        head = b"\xff\xf8\x89" + bytes([(channels - 1) << 4 | depth << 1, number])  # 256 samples, 44100 Hz
        part = samples[number * block : (number + 1) * block].astype(np.int64)
        streams = []
        for channel in range(channels):
            places = part[:, channel, None] >> np.arange(bits - 1, -1, -1) & 1
            streams += [np.array([0, 0, 0, 0, 0, 0, 1, 0], np.uint8), places.astype(np.uint8).ravel()]
        frame = head + bytes([crc(head, 0x07, 8)]) + np.packbits(np.concatenate(streams)).tobytes()
        out += frame + crc(frame, 0x8005, 16).to_bytes(2, "big")
    return out


def encoded(samples: np.ndarray, form: str, subtype: str | None = None, **more: object) -> bytes:
    """As libsndfile writes it."""
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format=form, subtype=subtype, **more)  # type: ignore[arg-type]
    return out.getvalue()


def vbr_mp3(samples: np.ndarray) -> tuple[bytes, bytes, int]:
    """A VBR MP3: its Xing frame, the frames of sound, and their number."""
    data = encoded(samples, "MP3", bitrate_mode="VARIABLE", compression_level=0.3)
    xing = mpeg_frames(data)[0]
    body = data[xing[1] :]
    return data[: xing[1]], body, len(mpeg_frames(body))


def mpeg_frames(data: bytes) -> list[tuple[int, int]]:
    """[start, stop) of each frame of MPEG 1 layer III at 44.1 kHz, told by bit rate and padding alone."""
    rates = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    found, at = [], data.find(b"\xff\xfb")
    while at + 4 <= len(data) and data[at] == 0xFF:
        size = 144000 * rates[data[at + 2] >> 4] // RATE + (data[at + 2] >> 1 & 1)
        found.append((at, at + size))
        at += size
    return found


def id3(text: bytes = b"A song") -> bytes:
    frame = b"TIT2" + struct.pack(">IH", len(text) + 1, 0) + b"\0" + text
    size = bytes((len(frame) + 30 >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frame + bytes(30)


def ape_tag() -> bytes:
    item = struct.pack("<II", 6, 0) + b"Title\0" + b"A song"
    footer = b"APETAGEX" + struct.pack("<4I8x", 2000, len(item) + 32, 1, 0)
    return item + footer


def with_serial(data: bytes, serial: int) -> bytes:
    """An Ogg file with another serial number, its checksums computed again."""
    out, at = bytearray(data), 0
    while at < len(out):
        table = at + 27
        end = table + out[at + 26] + sum(out[table : table + out[at + 26]])
        out[at + 14 : at + 18] = serial.to_bytes(4, "little")
        out[at + 22 : at + 26] = bytes(4)
        out[at + 22 : at + 26] = crc(bytes(out[at:end]), 0x04C11DB7, 32).to_bytes(4, "little")
        at = end
    return bytes(out)


def pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    found, at = [], 0
    while at < len(data):
        table = at + 27
        end = table + data[at + 26] + sum(data[table : table + data[at + 26]])
        found.append(data[at:end])
        at = end
    return found


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path

"""WAV files as bytes: where the samples lie, and headers for new ones. No sample is ever changed here.

Plain PCM of 16, 24 and 32 bits and floats of 32 and 64 bits, in RIFF or RF64. Anything else is None:
the daemon reads those.
"""

import os
import struct

from ..paths import fs

LONGEST_BYTES = 1 << 31  # of a file that is written here: below the 4 GB of RIFF, and no surprise on a disk
_PLAIN = ((1, 16), (1, 24), (1, 32), (3, 32), (3, 64))
_KEPT = (b"bext", b"iXML")
_MOST_CHUNKS = 200
_BEXT_TIME = 338  # TimeReference in bext, EBU Tech 3285


class Wave(object):
    """A readable WAV: format, and `frames` whose bytes begin at `data_at`."""

    def __init__(self, path, form, data_at, data_bytes, chunks):
        self.path = path
        self.tag, self.channels, self.rate, self.bits = form
        self.block = self.channels * self.bits // 8
        self.data_at = data_at
        self.frames = data_bytes // self.block
        self.chunks = chunks  # [(id, bytes)] of bext and iXML

    @property
    def format(self):
        return self.tag, self.channels, self.rate, self.bits

    def segment(self, first, last):
        """(path, byte offset, bytes) of frames [first, last)."""
        return self.path, self.data_at + first * self.block, (last - first) * self.block


def read(path):
    """The Wave at `path`, or None when it is missing or of another kind."""
    try:
        size = os.path.getsize(fs(path))
        with open(fs(path), "rb") as stream:
            return _parse(path, stream, size)
    except (OSError, struct.error):
        return None


def _parse(path, stream, size):
    head = stream.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        return None
    form, long_data, chunks = None, 0, []
    for _ in range(_MOST_CHUNKS):
        name, length = struct.unpack("<4sI", stream.read(8))
        at = stream.tell()
        if name == b"data":
            length = long_data if length == 0xFFFFFFFF and long_data else length
            return Wave(path, form, at, length, chunks) if form and _is_whole(stream, at, length, size) else None
        if name == b"fmt ":
            form = _format(stream.read(min(length, 64)))
        elif name == b"ds64":
            long_data = struct.unpack_from("<Q", stream.read(16), 8)[0]
        elif name in _KEPT and length < 1 << 20:
            chunks.append((name, stream.read(length)))
        stream.seek(at + length + length % 2)
    return None


def _is_whole(stream, at, length, size):
    """Whether the samples are as many as the header says, with nothing or another chunk behind them."""
    end = at + length + length % 2
    if length == 0 or at + length > size:
        return False
    if size - end < 8:
        return True
    stream.seek(end)
    name, following = struct.unpack("<4sI", stream.read(8))
    return name.strip().isalnum() and end + 8 + following <= size + 1


def _format(data):
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", data)
    if tag == 0xFFFE and len(data) >= 26:
        tag = struct.unpack_from("<H", data, 24)[0]
    plain = (tag, bits) in _PLAIN and channels and rate and block == channels * bits // 8
    return (tag, channels, rate, bits) if plain else None


def header(form, frames, chunks=()):
    """Everything before the first sample of a new file; `form` as in Wave.format."""
    tag, channels, rate, bits = form
    block = channels * bits // 8
    body = b"fmt " + struct.pack("<IHHIIHH", 16, tag, channels, rate, rate * block, block, bits)
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    size = frames * block
    return (b"RIFF" + struct.pack("<I", 4 + len(body) + 8 + size + size % 2) + b"WAVE" + body
            + b"data" + struct.pack("<I", size))  # fmt: skip


def padding(form, frames):
    """The byte after an odd number of data bytes."""
    return b"\0" * (form[1] * form[3] // 8 * frames % 2)


def beginning_at(chunks, frame, source=()):
    """The chunks of a file whose first sample is the source's `frame`; `source` are the source's own chunks."""
    frame += sum(struct.unpack_from("<Q", data, _BEXT_TIME)[0] for name, data in source
                 if name == b"bext" and len(data) >= _BEXT_TIME + 8)  # fmt: skip
    moved = []
    for name, data in chunks:
        if name == b"bext" and len(data) >= _BEXT_TIME + 8:
            data = data[:_BEXT_TIME] + struct.pack("<Q", max(frame, 0)) + data[_BEXT_TIME + 8 :]
        moved.append((name, data))
    return moved

"""Makes Ogg Vorbis files equal for equal audio, and puts comments into them.

libsndfile draws a random serial number, which this sets to a fixed one. Pages after RFC 3533: 'OggS', version, flags,
position (8), serial (4), sequence (4), CRC (4), segment table. The three header packets stand on pages of their own.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from engine.audio.containers import ogg as container

_SERIAL = (0x0ACE57E9).to_bytes(4, "little")
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MOST_SEGMENTS = 255


def finish(path: Path, comments: bytes | None = None) -> None:
    """Rewrites a file with one Vorbis stream in place: serial number, comments (a block as FLAC has it), checksums."""
    data = path.read_bytes()
    pages = _pages(data)
    if comments is not None:
        packets = container.packets(data, _spans(pages), 3)
        headers = _header_pages(packets[2], comments)
        first_audio = _pages_of_headers(pages)
        pages = [pages[0], *headers, *pages[first_audio:]]
    path.write_bytes(b"".join(_numbered(page, number) for number, page in enumerate(pages)))


def _pages(data: bytes) -> list[bytes]:
    pages, start = [], 0
    while start < len(data):
        end = _page_end(data, start)
        pages.append(data[start:end])
        start = end
    return pages


def _spans(pages: list[bytes]) -> list[tuple[int, int]]:
    spans, at = [], 0
    for page in pages:
        spans.append((at, at + len(page)))
        at += len(page)
    return spans


def _pages_of_headers(pages: list[bytes]) -> int:
    """How many pages hold the three header packets: each packet ends with a segment shorter than 255."""
    ended = 0
    for number, page in enumerate(pages, start=1):
        ended += sum(length < 255 for length in page[27 : 27 + page[26]])
        if ended >= 3:
            return number
    raise ValueError("the headers of this Ogg file do not end")


def _header_pages(setup: bytes, comments: bytes) -> list[bytes]:
    """Pages with the packets of comments and set-up; the position is 0, or none where no packet ends."""
    packets = [b"\x03vorbis" + comments + b"\x01", setup]
    pieces, ends = [], []
    for packet in packets:
        cut = [packet[at : at + 255] for at in range(0, len(packet), 255)]
        cut += [b""] if len(packet) % 255 == 0 else []
        pieces += cut
        ends += [False] * (len(cut) - 1) + [True]
    pages = []
    for at in range(0, len(pieces), _MOST_SEGMENTS):
        part, done = pieces[at : at + _MOST_SEGMENTS], ends[at : at + _MOST_SEGMENTS]
        continued = 1 if at and not ends[at - 1] else 0
        position = 0 if any(done) else -1
        head = b"OggS\0" + bytes([continued]) + struct.pack("<q12x", position) + bytes([len(part)])
        pages.append(head + bytes(len(piece) for piece in part) + b"".join(part))
    return pages


def _numbered(page: bytes, number: int) -> bytes:
    """The page with our serial number, its own number and its checksum."""
    numbered = page[:14] + _SERIAL + struct.pack("<I", number) + bytes(4) + page[26:]
    return numbered[:22] + _crc(numbered).to_bytes(4, "little") + numbered[26:]


def _page_end(data: bytes, start: int) -> int:
    if data[start : start + 4] != b"OggS":
        raise ValueError(f"no Ogg page at byte {start}")
    segments = data[start + 26]
    table = start + 27
    return table + segments + sum(data[table : table + segments])


def _crc(page: bytes) -> int:
    """CRC-32 with polynomial 0x04C11DB7, not reflected, starting at 0: zlib's with the bits of all bytes turned."""
    turned = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{turned:032b}"[::-1], 2)

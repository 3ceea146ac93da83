"""Makes Ogg files equal for equal audio: libsndfile draws a random serial number, which this sets to a fixed one.

Pages after RFC 3533: 'OggS', version, flags, position (8), serial (4), sequence (4), CRC (4), segment table.
"""

from __future__ import annotations

import zlib
from pathlib import Path

_SERIAL = (0x0ACE57E9).to_bytes(4, "little")
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def fix_serial_number(path: Path) -> None:
    """Rewrites serial number and checksum of every page of a file with one stream, in place."""
    data = bytearray(path.read_bytes())
    start = 0
    while start < len(data):
        end = _page_end(data, start)
        data[start + 14 : start + 18] = _SERIAL
        data[start + 22 : start + 26] = bytes(4)
        data[start + 22 : start + 26] = _crc(bytes(data[start:end])).to_bytes(4, "little")
        start = end
    path.write_bytes(data)


def _page_end(data: bytearray, start: int) -> int:
    if data[start : start + 4] != b"OggS":
        raise ValueError(f"no Ogg page at byte {start}")
    segments = data[start + 26]
    table = start + 27
    return table + segments + sum(data[table : table + segments])


def _crc(page: bytes) -> int:
    """CRC-32 with polynomial 0x04C11DB7, not reflected, starting at 0: zlib's with the bits of all bytes turned."""
    turned = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{turned:032b}"[::-1], 2)

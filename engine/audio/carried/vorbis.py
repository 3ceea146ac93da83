"""Vorbis comments: in FLAC's metadata blocks, in the second packet of Ogg Vorbis and Opus. Read, and written again."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

from engine.audio.carried.model import Carried, Move, Tags
from engine.audio.containers import mpeg, ogg

TIME_REFERENCE = "TIME_REFERENCE"  # REAPER's name of BWF's field
COMMENTS, PICTURE, PADDING = 4, 6, 1
_PACKED_PICTURE = "METADATA_BLOCK_PICTURE"
_OF_THE_SAMPLES = ("REPLAYGAIN_", "R128_", "WAVEFORMATEXTENSIBLE_", "ENCODER", "LENGTH", TIME_REFERENCE)
_PLACES = ("CHAPTER", "CUESHEET")
_MOST_BLOCK = (1 << 24) - 1
_HEAD_BYTES = 1 << 25


def read(path: Path) -> Carried:
    """What a FLAC or an Ogg file carries; nothing for another."""
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
    start = mpeg.id3_end(data, 0)
    if data[start : start + 4] == b"fLaC":
        blocks = [(kind, content) for kind, content in _blocks(data, start) if kind in (COMMENTS, PICTURE)]
    elif data[:4] == b"OggS":
        blocks = _ogg_blocks(data)
    else:
        return Carried()
    comments = next((parsed(content) for kind, content in blocks if kind == COMMENTS), ())
    pictures = [content for kind, content in blocks if kind == PICTURE]
    pictures += [_unpacked(value) for name, value in comments if name == _PACKED_PICTURE]
    tags = tuple((name, value) for name, value in comments if name != _PACKED_PICTURE)
    place = next((value for name, value in tags if name == TIME_REFERENCE and value.strip().isdecimal()), None)
    return Carried((), tags, tuple(p for p in pictures if p), None if place is None else int(place))


def _unpacked(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return b""


def parsed(content: bytes) -> Tags:
    """The comments of a block, names in capitals. A damaged block ends where it is damaged."""
    comments: list[tuple[str, str]] = []
    try:
        at = 4 + struct.unpack_from("<I", content)[0]
        count = struct.unpack_from("<I", content, at)[0]
        at += 4
        for _ in range(count):
            length = struct.unpack_from("<I", content, at)[0]
            name, equals, value = content[at + 4 : at + 4 + length].decode("utf-8", "replace").partition("=")
            if equals:
                comments.append((name.upper(), value))
            at += 4 + length
    except struct.error:
        pass
    return tuple(comments)


def built(tags: Tags, vendor: bytes = b"acestep-bridge") -> bytes:
    """A block of comments."""
    entries = [f"{name}={value}".encode() for name, value in tags]
    body = b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)
    return struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(entries)) + body


def moved(carried: Carried, move: Move, recipe: str | None) -> Tags:
    """The comments of a result: the source's, without what was said of its samples, with place and recipe."""
    tags = [(name, value) for name, value in carried.tags if not name.startswith(_OF_THE_SAMPLES)]
    if not move.is_same:
        tags = [(name, value) for name, value in tags if not name.startswith(_PLACES)]
    tags = [(name, value) for name, value in tags if not value.startswith("acestep-recipe:")]
    comments = [] if recipe is None else [("COMMENT", recipe)]
    place = move.time_reference(carried.time_reference)
    if carried.time_reference is not None or place:
        comments.append((TIME_REFERENCE, str(place)))
    return (*comments, *tags)


# -- FLAC --------------------------------------------------------------------------------------------------------------


def _blocks(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """(kind, content) of the metadata blocks of the FLAC stream at `start`."""
    blocks, at = [], start + 4
    while at + 4 <= len(data):
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        blocks.append((kind & 0x7F, data[at + 4 : at + 4 + length]))
        at += 4 + length
        if kind & 0x80:
            break
    return blocks


def write_flac(path: Path, tags: Tags, pictures: tuple[bytes, ...]) -> None:
    """Puts the comments and pictures into a FLAC file just written, in place of those it has."""
    data = path.read_bytes()
    blocks = _blocks(data, 0)
    end = 4 + sum(4 + len(content) for _, content in blocks)
    vendor = next((_vendor(content) for kind, content in blocks if kind == COMMENTS), b"acestep-bridge")
    kept = [(kind, content) for kind, content in blocks if kind not in (COMMENTS, PADDING)]
    kept[1:1] = [(COMMENTS, built(tags, vendor)), *((PICTURE, picture) for picture in pictures)]
    kept = [(kind, content) for kind, content in kept if len(content) <= _MOST_BLOCK]
    head = b"fLaC"
    for index, (kind, content) in enumerate(kept):
        last = 0x80 if index == len(kept) - 1 else 0
        head += bytes([kind | last]) + len(content).to_bytes(3, "big") + content
    path.write_bytes(head + data[end:])


def _vendor(content: bytes) -> bytes:
    length = struct.unpack_from("<I", content)[0] if len(content) >= 4 else 0
    return content[4 : 4 + length]


# -- Ogg ---------------------------------------------------------------------------------------------------------------


def _ogg_blocks(data: bytes) -> list[tuple[int, bytes]]:
    """The comments of the first stream of sound, as a FLAC's block would hold them."""
    links, _ = ogg.streams(data)
    stream = next((s for link in links for s in link if s.codec), None)
    if stream is None:
        return []
    packets = ogg.packets(data, stream.pages, 8)
    if stream.codec == "FLAC":
        return [(packet[0] & 0x7F, packet[4:]) for packet in packets[1:] if packet and packet[0] != 0xFF]
    start = {"VORBIS": 7, "OPUS": 8, "SPEEX": 0}.get(stream.codec, 0)
    return [(COMMENTS, packets[1][start:])] if len(packets) > 1 else []


def packed_pictures(pictures: tuple[bytes, ...]) -> Tags:
    """Pictures as Ogg's comments hold them."""
    return tuple((_PACKED_PICTURE, base64.b64encode(picture).decode("ascii")) for picture in pictures)

"""ID3v2.3 and 2.4: texts of a tag, a tag of ours, and a tag without what speaks of places. ID3v1 as a last resort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.audio.carried.model import Carried, Move, Tags
from engine.audio.carried.vorbis import TIME_REFERENCE
from engine.audio.carried.vorbis import moved as moved_tags

_NAMES = {
    b"TIT2": "TITLE",
    b"TPE1": "ARTIST",
    b"TPE2": "ALBUMARTIST",
    b"TALB": "ALBUM",
    b"TDRC": "DATE",
    b"TYER": "DATE",
    b"TCON": "GENRE",
    b"TRCK": "TRACKNUMBER",
    b"TCOM": "COMPOSER",
    b"TCOP": "COPYRIGHT",
    b"TBPM": "BPM",
    b"TKEY": "INITIALKEY",
    b"TPUB": "ORGANIZATION",
    b"TSRC": "ISRC",
    b"TEXT": "LYRICIST",
    b"TIT1": "GROUPING",
    b"TIT3": "SUBTITLE",
    b"TPOS": "DISCNUMBER",
}
_PLACES = (b"CHAP", b"CTOC", b"SYLT", b"ETCO", b"MLLT", b"SYTC", b"POSS", b"TLEN", b"ASPI", b"SEEK", b"RVA2", b"RVAD")
_ENCODINGS = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}
_UNSYNCHRONISED, _EXTENDED = 0x80, 0x40


@dataclass(frozen=True)
class _Frame:
    name: bytes
    flags: bytes
    content: bytes


def _size(data: bytes) -> int:
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value


def _frames(tag: bytes) -> Iterator[_Frame]:
    """The frames of a whole tag of version 3 or 4; none of a tag with an extended header."""
    if len(tag) < 10 or tag[:3] != b"ID3" or tag[3] not in (3, 4) or tag[5] & _EXTENDED:
        return
    body = tag[10 : 10 + _size(tag[6:10])]
    if tag[5] & _UNSYNCHRONISED:
        body = body.replace(b"\xff\0", b"\xff")
    at = 0
    while at + 10 <= len(body) and body[at : at + 4].strip(b"\0"):
        name, raw, flags = body[at : at + 4], body[at + 4 : at + 8], body[at + 8 : at + 10]
        length = _size(raw) if tag[3] == 4 else int.from_bytes(raw, "big")
        yield _Frame(name, flags, body[at + 10 : at + 10 + length])
        at += 10 + length


def tags(tag: bytes) -> Tags:
    """The texts of a tag."""
    tags: list[tuple[str, str]] = []
    for frame in _frames(tag):
        if len(frame.content) < 2 or frame.flags[1] & 0x0F:  # packed or encrypted
            continue
        if frame.name in _NAMES:
            tags.append((_NAMES[frame.name], _decoded(frame.content[0], frame.content[1:])[0]))
        elif frame.name == b"TXXX":
            name, *values = _decoded(frame.content[0], frame.content[1:])
            tags += [(name.upper(), value) for value in values[:1]]
        elif frame.name in (b"COMM", b"USLT"):
            words = _decoded(frame.content[0], frame.content[4:])
            tags.append(("COMMENT" if frame.name == b"COMM" else "LYRICS", words[-1]))
    return tuple((name, value) for name, value in tags if name and value)


def _decoded(encoding: int, content: bytes) -> list[str]:
    """The texts of a frame's content: description and value, or values."""
    text = content.decode(_ENCODINGS.get(encoding, "latin-1"), "replace")
    return [part.lstrip("\ufeff") for part in text.rstrip("\0").split("\0")] or [""]


def read(path: Path) -> Carried:
    """What an MP3 carries in its tags."""
    with path.open("rb") as file:
        head = file.read(10)
        tag = head + file.read(_size(head[6:10])) if head[:3] == b"ID3" else b""
        pairs = tags(tag) or _first_version(file, path.stat().st_size)
    place = next((value for name, value in pairs if name == TIME_REFERENCE and value.isdecimal()), None)
    return Carried((), pairs, (), None if place is None else int(place))


def _first_version(file: BinaryIO, size: int) -> Tags:
    if size < 128:
        return ()
    file.seek(size - 128)
    tag = file.read(128)
    if tag[:3] != b"TAG":
        return ()
    fields = (("TITLE", tag[3:33]), ("ARTIST", tag[33:63]), ("ALBUM", tag[63:93]), ("DATE", tag[93:97]))
    texts = [(name, value.split(b"\0")[0].decode("latin-1").strip()) for name, value in fields]
    return tuple((name, value) for name, value in texts if value)


def without_places(tag: bytes) -> bytes:
    """A tag without chapters, timed words and lengths; nothing where it cannot be taken apart."""
    frames = list(_frames(tag))
    kept = [frame for frame in frames if frame.name not in _PLACES]
    if len(kept) == len(frames) and frames:
        return tag
    return _tag(tag[3], kept) if kept else b""


def _tag(version: int, frames: list[_Frame]) -> bytes:
    body = b""
    for frame in frames:
        length = len(frame.content)
        size = _synchsafe(length) if version == 4 else length.to_bytes(4, "big")
        body += frame.name + size + frame.flags + frame.content
    return b"ID3" + bytes([version, 0, 0]) + _synchsafe(len(body)) + body


def _synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def built(carried: Carried, move: Move, recipe: str | None) -> bytes:
    """A tag of version 2.4 in UTF-8 with the source's texts, the result's place and the recipe."""
    frames: list[_Frame] = []
    names = {tag: name for name, tag in reversed(_NAMES.items()) if name != b"TYER"}
    for name, value in moved_tags(carried, move, recipe):
        text = b"\3" + value.encode()
        if name in ("COMMENT", "LYRICS"):
            kind = b"COMM" if name == "COMMENT" else b"USLT"
            frames.append(_Frame(kind, b"\0\0", b"\3eng\0" + value.encode()))
        elif name in names:
            frames.append(_Frame(names[name], b"\0\0", text))
        else:
            frames.append(_Frame(b"TXXX", b"\0\0", b"\3" + name.encode() + b"\0" + value.encode()))
    return _tag(4, frames) if frames else b""


def put_before(path: Path, tag: bytes) -> None:
    """Sets a tag before an MP3 that was just written."""
    data = path.read_bytes()
    start = 10 + _size(data[6:10]) if data[:3] == b"ID3" else 0
    path.write_bytes(tag + data[start:])

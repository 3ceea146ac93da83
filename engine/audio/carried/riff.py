"""A WAV's chunks: read from a source, moved with its samples, written into a result.

cue, plst: Microsoft's Multimedia Programming Interface 1.0; smpl, inst: its sampler chunks; acid: as Sony's ACID writes
it; cart: AES46.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from engine.audio.carried import id3
from engine.audio.carried.broadcast import ORIGINATOR
from engine.audio.carried.model import Carried, Move, Tags
from engine.audio.containers import wave

AS_THEY_ARE = (b"inst", b"DISP", b"_PMX")
ONLY_UNMOVED = (b"plst", b"axml", b"chna")
_INFO = {
    b"INAM": "TITLE",
    b"IART": "ARTIST",
    b"IPRD": "ALBUM",
    b"ICRD": "DATE",
    b"IGNR": "GENRE",
    b"ICMT": "COMMENT",
    b"ICOP": "COPYRIGHT",
    b"ITRK": "TRACKNUMBER",
    b"ISFT": "ENCODER",
    b"IENG": "ENGINEER",
    b"ISBJ": "DESCRIPTION",
    b"IKEY": "KEYWORDS",
    b"ISRC": "SOURCE",
    b"ITCH": "ENCODED-BY",
}
_KEPT = (b"bext", b"iXML", b"cue ", b"smpl", b"acid", b"LIST", b"id3 ", b"ID3 ", b"cart", *AS_THEY_ARE, *ONLY_UNMOVED)
_MOST_BYTES = 1 << 24
_CUE, _LOOP, _ONE_SHOT = 24, 24, 1
_CART_TIMERS = slice(684, 748)


def read(path: Path) -> Carried:
    """What a WAV of any form carries; nothing for another file."""
    with path.open("rb") as file:
        chunks = wave.other_chunks(file, path.stat().st_size, _KEPT, _MOST_BYTES)
    bext = next((content for name, content in chunks if name == b"bext"), b"")
    reference = struct.unpack_from("<Q", bext, 338)[0] if len(bext) >= 346 else None
    return Carried(tuple(chunks), _tags(chunks), (), reference)


def _tags(chunks: list[tuple[bytes, bytes]]) -> Tags:
    tags: list[tuple[str, str]] = []
    for name, content in chunks:
        if name == b"LIST" and content[:4] == b"INFO":
            tags += [(_INFO[key], _text(value)) for key, value in _parts(content[4:]) if key in _INFO]
        elif name in (b"id3 ", b"ID3 "):
            known = {key for key, _ in tags}
            tags += [(key, value) for key, value in id3.tags(content) if key not in known]
    if not any(key == "DESCRIPTION" for key, _ in tags):
        tags.append(("DESCRIPTION", _description(chunks)))
    return tuple((key, value) for key, value in tags if value)


def _description(chunks: list[tuple[bytes, bytes]]) -> str:
    """What a bext of another program says in words."""
    bext = next((content for name, content in chunks if name == b"bext"), b"")
    return "" if bext[256:288].startswith(ORIGINATOR.encode()) else _text(bext[:256])


def _text(value: bytes) -> str:
    plain = value.split(b"\0")[0]
    try:
        return plain.decode("utf-8").strip()
    except UnicodeDecodeError:
        return plain.decode("cp1252", "replace").strip()


def _parts(content: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks inside a LIST."""
    parts, at = [], 0
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        parts.append((name, content[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def moved(carried: Carried, move: Move) -> list[tuple[bytes, bytes]]:
    """The chunks of a result beside bext and iXML, whose places are those of the result's samples."""
    cues = _kept_cues(carried.chunk(b"cue ") or b"", move)
    chunks: list[tuple[bytes, bytes]] = []
    for name, content in carried.chunks:
        change = _CHANGES.get(name)
        if name == b"LIST":
            content = _adtl(content, cues, move) if content[:4] == b"adtl" else _info(content)
        elif change is not None:
            content = change(content, move)
        elif not (name in AS_THEY_ARE or (name in ONLY_UNMOVED and move.is_same)):
            continue
        if content:
            chunks.append((name, content))
    if not carried.chunks and carried.tags:
        chunks.append((b"LIST", info_list(carried.tags)))
    return chunks


def info_list(tags: Tags) -> bytes:
    """The content of a LIST of INFO with the tags that it has names for."""
    names = {tag: name for name, tag in _INFO.items()}
    content, done = b"INFO", set()
    for tag, value in tags:
        if tag in names and tag not in done:
            text = value.encode("utf-8") + b"\0"
            content += names[tag] + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
            done.add(tag)
    return content if done else b""


def _kept_cues(content: bytes, move: Move) -> set[int]:
    """Numbers of the cue points that lie in the result."""
    return {number for number, _ in _cues(content, move)}


def _cues(content: bytes, move: Move) -> list[tuple[int, bytes]]:
    count = struct.unpack_from("<I", content)[0] if len(content) >= 4 else 0
    cues = []
    for at in range(4, min(4 + count * _CUE, len(content) - _CUE + 1), _CUE):
        number, position, name, chunk_start, block_start, sample = struct.unpack_from("<II4sIII", content, at)
        place = move.place(sample)
        if place is not None:
            order = place if position == sample else move.place(position) or 0
            cues.append((number, struct.pack("<II4sIII", number, order, name, chunk_start, block_start, place)))
    return cues


def _cue_chunk(content: bytes, move: Move) -> bytes:
    cues = _cues(content, move)
    return struct.pack("<I", len(cues)) + b"".join(cue for _, cue in cues) if cues else b""


def _adtl(content: bytes, cues: set[int], move: Move) -> bytes:
    """Names, notes and lengths of the cue points that are left."""
    kept = b""
    for name, part in _parts(content[4:]):
        if name in (b"labl", b"note", b"ltxt") and (len(part) < 4 or struct.unpack_from("<I", part)[0] not in cues):
            continue
        if name == b"ltxt" and len(part) >= 8:
            part = part[:4] + struct.pack("<I", move.scaled(struct.unpack_from("<I", part, 4)[0])) + part[8:]
        kept += name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
    return b"adtl" + kept if kept else b""


def _info(content: bytes) -> bytes:
    """All texts of a LIST of INFO, also those without a name here; nothing of another LIST."""
    parts = _parts(content[4:]) if content[:4] == b"INFO" else []
    chunks = [name + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2) for name, text in parts]
    return b"INFO" + b"".join(chunks) if chunks else b""


def _smpl(content: bytes, move: Move) -> bytes:
    """A sampler's key and tuning; the loops that lie whole in the result."""
    if len(content) < 36:
        return b""
    head = bytearray(content[:36])
    count, extra = struct.unpack_from("<II", content, 28)
    loops = []
    for at in range(36, min(36 + count * _LOOP, len(content) - _LOOP + 1), _LOOP):
        number, kind, start, end, fraction, times = struct.unpack_from("<6I", content, at)
        first, last = move.place(start), move.place(end)
        if first is not None and last is not None and last < move.frames:
            loops.append(struct.pack("<6I", number, kind, first, last, fraction, times))
    struct.pack_into("<I", head, 28, len(loops))
    if move.rate != move.source_rate:
        struct.pack_into("<I", head, 8, round(1e9 / move.rate))
    return bytes(head) + b"".join(loops) + content[36 + count * _LOOP :][:extra]


def _acid(content: bytes, move: Move) -> bytes:
    """Root, meter and tempo stay; the number of beats follows the length, except for one-shots."""
    if len(content) < 24:
        return b""
    flags, beats = struct.unpack_from("<I", content)[0], struct.unpack_from("<I", content, 12)[0]
    before, after = move.source_frames / move.source_rate, move.frames / move.rate
    if not flags & _ONE_SHOT and beats and before:
        beats = max(1, round(beats * after / before))
    return content[:12] + struct.pack("<I", beats) + content[16:]


def _cart(content: bytes, move: Move) -> bytes:
    """Its timers are places in samples: none are left where those moved."""
    return content if move.is_same else content[: _CART_TIMERS.start] + bytes(64) + content[_CART_TIMERS.stop :]


def _id3(content: bytes, move: Move) -> bytes:
    return content if move.is_same else id3.without_places(content)


_CHANGES: dict[bytes, Callable[[bytes, Move], bytes]] = {
    b"cue ": _cue_chunk,
    b"smpl": _smpl,
    b"acid": _acid,
    b"cart": _cart,
    b"id3 ": _id3,
    b"ID3 ": _id3,
}

"""Ogg (RFC 3533): its pages, its streams, and the one of them that is sound.

A chained file holds one complete stream after the other, a multiplexed one several at once (a film, a skeleton). A
decoder takes the first it finds; here each stretch of sound is cut out and read on its own.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field

from engine.audio.containers import flac
from engine.audio.containers.layout import Layout, refused, truncated
from engine.audio.containers.segments import Segments, Span

_FIRST, _LAST = 2, 4
_CODECS = (
    (b"\x01vorbis", "VORBIS"),
    (b"OpusHead", "OPUS"),
    (b"\x7fFLAC", "FLAC"),
    (b"Speex   ", "SPEEX"),
    (b"\x80theora", ""),
    (b"fishead\0", ""),
    (b"BBCD", ""),
    (b"\x01video", ""),
    (b"\x01text", ""),
    (b"\x80kate", ""),
    (b"CMML", ""),
)


@dataclass
class Stream:
    """One logical stream: its codec ("" is no sound, "?" unknown), its pages, its last place and whether it ended."""

    codec: str
    serial: int
    pages: list[Span] = field(default_factory=list)
    granule: int = -1
    ended: bool = False


def streams(data: mmap.mmap | bytes) -> tuple[list[list[Stream]], str]:
    """The links of the chain, each a list of the streams in it, and what is wrong behind them ("" for nothing)."""
    links: list[list[Stream]] = []
    at, in_heads = 0, False
    while at < len(data):
        end = _page_end(data, at)
        if end is None:
            at_next = data.find(b"OggS", at + 1)
            return links, "" if at_next < 0 and _is_trailer(data, at) else "a page is damaged or cut"
        flags, serial = data[at + 5], int.from_bytes(data[at + 14 : at + 18], "little")
        granule = int.from_bytes(data[at + 6 : at + 14], "little", signed=True)
        if flags & _FIRST:
            if not in_heads:
                links.append([])
            links[-1].append(Stream(_codec(bytes(data[at + 27 + data[at + 26] : end])), serial))
        in_heads = bool(flags & _FIRST)
        stream = next((s for s in (links[-1] if links else []) if s.serial == serial), None)
        if stream is not None:
            stream.pages.append((at, end))
            stream.granule = max(stream.granule, granule)
            stream.ended |= bool(flags & _LAST)
        at = end
    return links, ""


def packets(data: mmap.mmap | bytes, pages: list[Span], most: int) -> list[bytes]:
    """The first packets of a stream, joined over its pages."""
    found: list[bytes] = [b""]
    for start, _ in pages:
        table = data[start + 27 : start + 27 + data[start + 26]]
        at = start + 27 + len(table)
        for length in table:
            found[-1] += data[at : at + length]
            at += length
            if length < 255:
                found.append(b"")
        if len(found) > most:
            break
    return found[: min(most, len(found) - 1)]


def _is_trailer(data: mmap.mmap | bytes, at: int) -> bool:
    """Whether what stands behind the last page is a tag or zeros, not a page that was cut."""
    rest = bytes(data[at : at + 4096])
    return rest.startswith((b"TAG", b"APETAGEX", b"ID3")) or not any(rest)


def _page_end(data: mmap.mmap | bytes, at: int) -> int | None:
    if data[at : at + 4] != b"OggS" or at + 27 > len(data):
        return None
    table = at + 27
    end = table + data[at + 26] + sum(data[table : table + data[at + 26]])
    return end if end <= len(data) else None


def _codec(packet: bytes) -> str:
    return next((name for magic, name in _CODECS if packet.startswith(magic)), "?")


def examine(data: mmap.mmap, name: str) -> Layout:
    """The layout of an Ogg file. Raises InvalidRequest for one that is cut, or has more than one sound at once."""
    links, wrong = streams(data)
    sounds = [[s for s in link if s.codec] for link in links]
    sounds = [link for link in sounds if link]
    if not sounds:
        raise refused(name, "an Ogg file without sound", "an Ogg file with one stream of sound", "Choose another file.")
    if any(len(link) > 1 for link in sounds):
        got = f"an Ogg file with {max(map(len, sounds))} streams of sound at once"
        raise refused(name, got, "one stream of sound", f"Take one out: ffmpeg -i {name} -map 0:a:0 one.wav")
    chain = [link[0] for link in sounds]
    if wrong:
        raise truncated(name, wrong)
    if len({stream.codec for stream in chain}) > 1:
        raise _changes(name)
    plain = len(links) == 1 and len(links[0]) == 1
    notes: tuple[str, ...] = (
        () if len(chain) == 1 else (f"it holds {len(chain)} pieces, one after the other: all of them were read",)
    )
    if not chain[-1].ended:
        notes += ("its end is not marked: it was read to its last page",)
    if chain[0].codec == "FLAC":
        return _flac(data, name, chain, notes)
    repaired = tuple(_joined(stream.pages) for stream in chain)
    return Layout("OGG" if chain[0].codec != "SPEEX" else "SPEEX", None, repaired, not plain, notes)


def _flac(data: mmap.mmap, name: str, chain: list[Stream], notes: tuple[str, ...]) -> Layout:
    """FLAC in Ogg: its packets joined are FLAC's own container, behind nine bytes of a first header."""
    links, total = [], 0
    for stream in chain:
        spans = [(start + 27 + data[start + 26], end) for start, end in stream.pages]
        (first, end), *rest = spans
        joined = b"".join([data[first + 9 : end], *(data[a:b] for a, b in rest)])
        layout = flac.examine(joined, name)
        total += layout.frames or 0
        head = layout.repaired[0][:3]
        links.append((*head, (first + 9 + sum(len(bytes_) for bytes_ in head), end), *rest))
    return Layout("OGG", total, tuple(links), True, notes)


def _changes(name: str) -> Exception:
    got = "a chained Ogg file whose pieces differ in codec, rate or channels"
    return refused(name, got, "one kind of sound", f"Convert it to WAV: ffmpeg -i {name} whole.wav")


def changes(name: str) -> Exception:
    """The error for a chain whose pieces do not fit together."""
    return _changes(name)


def _joined(pages: list[Span]) -> Segments:
    """Neighbouring pages as one stretch."""
    joined: list[Span] = []
    for start, end in pages:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return tuple(joined)

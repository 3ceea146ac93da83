"""What kind of container a file is, by its first bytes. Its name's ending says nothing."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from engine.audio.containers import aiff, flac, mpeg, ogg, plain, wave
from engine.audio.containers.layout import Layout, truncated

HEAD_BYTES = 64
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"RF64", "WAV"),
    (0, b"BW64", "WAV"),
    (0, b"riff\x2e\x91\xcf\x11", "WAV"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b".snd", "AU"),
    (0, b"dns.", "AU"),
    (0, b"caff", "CAF"),
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (4, b"wide", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "MATROSKA"),
    (0, _ASF, "WMA"),
    (0, b"ADIF", "AAC"),
    (0, b"wvpk", "WAVPACK"),
    (0, b"MAC ", "APE"),
    (0, b"TTA1", "TTA"),
    (0, b"#!AMR", "AMR"),
    (0, b"MPCK", "MUSEPACK"),
    (0, b"MP+", "MUSEPACK"),
    (0, b"DSD ", "DSF"),
    (0, b"FRM8", "DFF"),
    (0, b"\x0b\x77", "AC3"),
    (0, b"FLV\x01", "FLV"),
    (0, b".RMF", "REALMEDIA"),
    (0, b"tBaK", "TAK"),
)
SUFFIXES = {"WAV": ".wav", "FLAC": ".flac", "OGG": ".ogg", "AIFF": ".aiff", "MP3": ".mp3", "MP4": ".m4a"}
SUFFIXES |= {"AAC": ".aac", "AU": ".au", "CAF": ".caf", "MATROSKA": ".mka", "WMA": ".wma", "WAVPACK": ".wv"}


def kind_of(head: bytes) -> str:
    """The kind by the first bytes (`HEAD_BYTES` suffice); "" where they say nothing, ID3 where a tag comes first."""
    for place, magic, kind in _MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    if head[:4] in (b"RIFF", b"RIFX"):
        return "AVI" if head[8:12] == b"AVI " else "WAV" if head[8:12] in (b"WAVE", b"") else ""
    if head[:4] == b"FORM":
        return "AIFF" if head[8:12] in (b"AIFF", b"AIFC") else ""
    if head[:3] == b"ID3":
        return "ID3"
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC"
    return "MP3" if mpeg.header_at(head, 0) is not None else ""


def suffix_of(head: bytes) -> str:
    """A file name's ending for what begins so; .audio where that is not known."""
    kind = kind_of(bytes(head[:HEAD_BYTES]))
    return ".mp3" if kind == "ID3" else SUFFIXES.get(kind, ".audio")


def examine(path: Path) -> Layout:
    """How to read a file to its true end. Raises InvalidRequest (field "audio") for one that is cut short."""
    try:
        return _examine(path, path.stat().st_size)
    except struct.error as error:  # in the middle of a header, or while it is read
        raise truncated(path.name, f"it ends in the middle of a header ({error})") from error


def _examine(path: Path, size: int) -> Layout:
    with path.open("rb") as file:
        kind, at = _kind_behind_tags(file, size)
        with_file = _BY_FILE.get(kind)
        if with_file is not None:
            return with_file(file, path.name, size)
        if kind == "MP3":
            return mpeg.examine(file, path.name, size)
        if kind in ("FLAC", "OGG", "AAC"):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if kind == "AAC":
                    return _adts(data, at)
                return flac.examine(data, path.name, at) if kind == "FLAC" else ogg.examine(data, path.name)
        return Layout(kind)


_BY_FILE: dict[str, Callable[[BinaryIO, str, int], Layout]] = {
    "WAV": wave.examine,
    "AIFF": aiff.examine,
    "AU": plain.examine_au,
    "CAF": plain.examine_caf,
}


def _kind_behind_tags(file: BinaryIO, size: int) -> tuple[str, int]:
    """The kind, and where it begins, behind ID3v2 tags. Garbage before an MP3's frames is gone over."""
    kind = kind_of(file.read(HEAD_BYTES))
    if kind not in ("ID3", "", "MP3"):
        return kind, 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = mpeg.id3_end(data, 0)
        behind = kind_of(bytes(data[at : at + HEAD_BYTES])) if at else kind
        if behind in ("FLAC", "AAC", "AC3", "OGG"):
            return behind, at
        frame = mpeg.first_frame(data, at, size)
        return ("MP3" if frame is not None else "MP3" if kind == "ID3" else ""), at


def _adts(data: mmap.mmap, at: int) -> Layout:
    """AAC without a container: its frames are counted, so that what a decoder gives can be compared."""
    frames, rate = mpeg.adts_frames(data, at)
    return Layout("AAC", frames * 1024 if rate else None, tolerance=rate)


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def flac_info(path: Path) -> flac.StreamInfo | None:
    """STREAMINFO of a FLAC file, also behind ID3v2 tags; None for another file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return flac.stream_info(data, mpeg.id3_end(data, 0))

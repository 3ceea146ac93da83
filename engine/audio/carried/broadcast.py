"""bext (EBU Tech 3285) and iXML (1.61) of a result: the source's own, with the result's place and its recipe.

Date and time of a bext of ours are empty, so that equal requests give equal files.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

ORIGINATOR = "acestep-bridge"
_BEXT_BYTES, _TIME, _UMID, _LOUDNESS, _RESERVED = 602, 338, 348, 412, 422
_NOT_MEASURED = struct.pack("<5h", *([0x7FFF] * 5))
_RECIPE = re.compile(r"\s*<ACESTEP_RECIPE>.*?</ACESTEP_RECIPE>", re.DOTALL)
_SYNC_POINTS = re.compile(r"\s*<SYNC_POINT_LIST>.*?</SYNC_POINT_LIST>", re.DOTALL)
_HALVES = (
    ("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO"),
    ("BWF_TIME_REFERENCE_HIGH", "BWF_TIME_REFERENCE_LOW"),
)


def bext_chunk(coding_history: str, time_reference: int, source: bytes | None = None) -> bytes:
    """The content of a `bext` chunk; `time_reference` is the position of the first sample, in samples.

    The `source`'s own keeps its texts and its history; its UMID and its loudness were those of other samples.
    """
    history = coding_history.encode("ascii", "replace")
    if source is None or len(source) < _UMID:
        return _new_bext(time_reference) + history
    version = max(1, struct.unpack_from("<H", source, _TIME + 8)[0])
    loudness = _NOT_MEASURED if version >= 2 else bytes(10)
    place = struct.pack("<QH", time_reference, version)
    earlier = source[_BEXT_BYTES:].split(b"\0")[0]
    if earlier and not earlier.endswith(b"\n"):
        earlier += b"\r\n"
    return source[:_TIME] + place + bytes(64) + loudness + bytes(180) + earlier + history


def _new_bext(time_reference: int) -> bytes:
    fields = (
        b"Made by acestep-bridge; the recipe is in iXML".ljust(256, b"\0"),
        ORIGINATOR.encode().ljust(32, b"\0"),
        b"\0" * 32,  # originator reference
        b"\0" * 18,  # date and time
        struct.pack("<QH", time_reference, 1),
        b"\0" * (64 + 190),  # UMID and reserved
    )
    return b"".join(fields)


@dataclass(frozen=True)
class Place:
    """Where a result begins on a timeline, in its samples; its rate and bits; whether the source's samples moved."""

    time_reference: int = 0
    sample_rate: int = 0
    bits: int = 0
    moved: bool = False


def ixml_chunk(recipe_text: str | None, place: Place, source: bytes | None = None) -> bytes:
    """The content of an `iXML` chunk with the recipe; the `source`'s own where it has one that can be read."""
    recipe_element = "" if recipe_text is None else f"<ACESTEP_RECIPE>{escape(recipe_text)}</ACESTEP_RECIPE>"
    theirs = _decoded(source) if source else None
    if theirs is None:
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML><IXML_VERSION>1.61</IXML_VERSION>'
        return f"{head}<PROJECT>{ORIGINATOR}</PROJECT><USER>{recipe_element}</USER></BWFXML>\n".encode()
    text = _with_place(_RECIPE.sub("", theirs), place)
    if place.moved:
        text = _SYNC_POINTS.sub("", text)
    return _with_user(text, recipe_element).encode()


def _decoded(source: bytes) -> str | None:
    """A whole iXML document as text; None for one that is none."""
    for encoding in ("utf-8-sig", "utf-16"):
        try:
            text = source.rstrip(b"\0").decode(encoding)
        except UnicodeDecodeError:
            continue
        if "</BWFXML>" in text:
            return re.sub(r'(<\?xml[^>]*encoding=)["\'][^"\']*["\']', r'\1"UTF-8"', text, count=1)
    return None


def _with_place(text: str, place: Place) -> str:
    """What the document says of place, rate and depth, as it is in the result; what it does not say stays unsaid."""
    values = dict.fromkeys(("FILE_SAMPLE_RATE", "TIMESTAMP_SAMPLE_RATE"), place.sample_rate)
    values["AUDIO_BIT_DEPTH"] = place.bits
    for high, low in _HALVES:
        values |= {high: place.time_reference >> 32, low: place.time_reference & 0xFFFFFFFF}
    for name, value in values.items():
        text = re.sub(rf"(<{name}>)[^<]*(</{name}>)", rf"\g<1>{value}\g<2>", text)
    return text


def _with_user(text: str, recipe_element: str) -> str:
    if not recipe_element:
        return text
    for mark, new in (("</USER>", f"{recipe_element}</USER>"), ("<USER/>", f"<USER>{recipe_element}</USER>")):
        if mark in text:
            return text.replace(mark, new, 1)
    return text.replace("</BWFXML>", f"<USER>{recipe_element}</USER></BWFXML>", 1)


def recipe_in(content: bytes) -> str | None:
    """The escaped text of the recipe in an iXML chunk, or None."""
    match: Any = re.search(rb"<ACESTEP_RECIPE>(.*?)</ACESTEP_RECIPE>", content, re.DOTALL)
    return None if match is None else str(match[1].decode("utf-8", "replace"))

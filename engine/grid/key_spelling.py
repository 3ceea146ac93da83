"""A key as somebody writes it into a field of its own: "F# minor", "f#m", "g flat", "fis-Moll", "8A". No audio.

A key among other words is found by `harmony.key_name`.
"""

from __future__ import annotations

import re

SUCH_AS = "a key such as F# minor, Gb, fis-Moll or 8A (Camelot)"
_MODES = {"": "major", "maj": "major", "major": "major", "dur": "major", "ionian": "major"}
_MODES |= {"m": "minor", "min": "minor", "minor": "minor", "moll": "minor", "aeolian": "minor"}
_SIGNS = {"": "", "#": "#", "sharp": "#", "is": "#", "b": "b", "flat": "b", "es": "b", "s": "b"}
_KEY = re.compile(r"([a-h])[\s-]*(#|b|sharp|flat|is|es|(?<=[ae])s|)[\s-]*([a-z]*)\.?", re.IGNORECASE)
_WHEEL = re.compile(r"(\d{1,2})\s*([abdm])", re.IGNORECASE)
# round the circle of fifths from A minor and C major, as Camelot's 8 and Open Key's 1 have them
_MINORS = ("A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D")
_MAJORS = ("C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F")


def spelled_key(text: str) -> str | None:
    """As "F# minor"; None of what is no key. German names are understood: H, B-Dur (B flat), es-Moll, Cis."""
    plain = text.strip().replace("♯", "#").replace("♭", "b")
    wheel = _WHEEL.fullmatch(plain)
    if wheel is not None:
        return _on_the_wheel(int(wheel[1]), wheel[2].lower())
    match = _KEY.fullmatch(plain)
    if match is None:
        return None
    letter, sign, mode = match[1].upper(), _SIGNS[match[2].lower()], match[3]
    known = _MODES.get("" if mode == "M" else mode.lower())
    if known is None:
        return None
    if letter == "H":
        letter = "B"
    elif letter == "B" and not sign and mode.lower() in ("dur", "moll"):
        sign = "b"
    return f"{letter}{sign} {known}"


def _on_the_wheel(number: int, side: str) -> str | None:
    """Of Camelot's 1A to 12B, and of Open Key's 1m to 12d."""
    if not 1 <= number <= 12:
        return None
    steps = number - (8 if side in "ab" else 1)
    return f"{_MINORS[steps % 12]} minor" if side in "am" else f"{_MAJORS[steps % 12]} major"

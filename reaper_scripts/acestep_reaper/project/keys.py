"""Keys in the model's wording ("A minor"), from what people and files write."""

import re

from reaper_python import *

from .pointers import readable

_KEY = re.compile(r"([a-h])[\s-]*(#|b|sharp|flat|is|es|(?<=[ae])s|)[\s-]*([a-z]*)\.?", re.IGNORECASE)
_WHEEL = re.compile(r"(\d{1,2})\s*([abdm])", re.IGNORECASE)
_SIGNS = {"": "", "#": "#", "sharp": "#", "is": "#", "b": "b", "flat": "b", "es": "b", "s": "b"}
_MODES = {"": "major", "maj": "major", "major": "major", "dur": "major",
          "m": "minor", "min": "minor", "minor": "minor", "moll": "minor"}  # fmt: skip
_FIELDS = ("Generic:Key", "ID3:TKEY")
_NOTES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def parse(text):
    """ "Am", "a min", "F# major", "fis-Moll", Camelot's "8A" as "A minor", "F# major"; empty for anything else."""
    text = (text or "").strip().replace("\u266f", "#").replace("\u266d", "b")
    wheel = _WHEEL.fullmatch(text)
    if wheel:
        return _on_the_wheel(int(wheel.group(1)), wheel.group(2).lower())
    match = _KEY.fullmatch(text)
    if not match:
        return ""
    letter, sign, mode = match.groups()
    letter, sign, known = letter.upper(), _SIGNS[sign.lower()], _MODES.get("" if mode == "M" else mode.lower())
    if letter == "H":
        letter = "B"
    elif letter == "B" and not sign and mode.lower() in ("dur", "moll"):
        sign = "b"
    return "%s%s %s" % (letter, sign, known) if known else ""


def _on_the_wheel(number, side):
    """Round the circle of fifths: Camelot's 8A and Open Key's 1m are A minor."""
    if not 1 <= number <= 12:
        return ""
    fifths = number - (8 if side in "ab" else 1)
    minor = side in "am"
    return "%s %s" % (_NOTES[((9 if minor else 0) + 7 * fifths) % 12], "minor" if minor else "major")


def transposed(key, semitones):
    """A key of `parse` by so many semitones, the nearest whole ones."""
    steps = int(round(semitones))
    if not key or not steps % 12:
        return key
    name, mode = key.split()
    root = _LETTERS[name[0]] + name.count("#") - name.count("b")
    return "%s %s" % (_NOTES[(root + steps) % 12], mode)


def of_file(take):
    """The key that the take's file names in its metadata, or an empty text."""
    source = RPR_GetMediaItemTake_Source(take)
    for field in _FIELDS:
        key = parse(readable(lambda: RPR_GetMediaFileMetadata(source, field, "", 256)[3]))  # noqa: B023 (called at once)
        if key:
            return key
    return ""

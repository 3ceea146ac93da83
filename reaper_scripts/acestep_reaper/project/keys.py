"""Keys in the model's wording ("A minor"), from what people and files write."""

import re

from reaper_python import *

from .pointers import readable

_KEY = re.compile(r"^\s*([A-Ga-g])\s*(#|b|sharp|flat|\u266f|\u266d)?\s*(major|minor|maj|min|m|M)?\s*$")
_FIELDS = ("Generic:Key", "ID3:TKEY")


def parse(text):
    """ "Am", "a min", "F# major" as "A minor", "F# major"; an empty text for anything else."""
    match = _KEY.match(text or "")
    if not match:
        return ""
    note, sign, mode = match.groups()
    sign = {"sharp": "#", "\u266f": "#", "flat": "b", "\u266d": "b", None: ""}.get(sign, sign)
    minor = (mode or "").startswith("m") and not (mode or "").startswith("maj")
    return "%s%s %s" % (note.upper(), sign, "minor" if minor else "major")


def of_file(take):
    """The key that the take's file names in its metadata, or an empty text."""
    source = RPR_GetMediaItemTake_Source(take)
    for field in _FIELDS:
        key = parse(readable(lambda: RPR_GetMediaFileMetadata(source, field, "", 256)[3]))  # noqa: B023 (called at once)
        if key:
            return key
    return ""

"""Times as they are typed and shown: seconds, or minutes and seconds as in 1:08.5. Knows no field."""

from __future__ import annotations

import math
import re

from engine.errors import InvalidRequest

CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d?(?:\.\d*)?)")
EXPECTED = "seconds, or a time such as 1:08.5"


def seconds_of(text: str) -> float:
    """8.5, 1:08.5 (a minute and 8.5 s), 1:02:03 (an hour and more). Raises ValueError for anything else."""
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        return _finite(float(text))
    hours, minutes, seconds = int(match[1] or 0), int(match[2]), float(match[3])
    if seconds >= 60 or (match[1] and minutes >= 60):
        raise ValueError(f"{text}: there are 60 seconds in a minute")
    return round((hours * 60 + minutes) * 60 + seconds, 9)


def time_of(name: str, text: str) -> float:
    """The same, for the field or option of a name. Raises InvalidRequest for what is no time."""
    try:
        return seconds_of(text)
    except ValueError:
        raise InvalidRequest(name, repr(text), EXPECTED, "Say, for example, 8.5 or 1:08.5.") from None


def _finite(seconds: float) -> float:
    if not math.isfinite(seconds):
        raise ValueError(f"{seconds} is no time")
    return seconds


def clock(seconds: float) -> str:
    """68.5 -> 1:08.5; milliseconds where there are any."""
    minutes, rest = divmod(abs(round(seconds * 1000)), 60_000)
    tail = f"{rest / 1000:06.3f}".rstrip("0").rstrip(".")
    return f"{'-' if round(seconds * 1000) < 0 else ''}{minutes}:{tail}"

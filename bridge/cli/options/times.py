"""Times as they are typed and shown: seconds, or minutes and seconds as in 1:08.5. Knows no field."""

from __future__ import annotations

import re

CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d?(?:\.\d*)?)")
EXPECTED = "seconds, or a time such as 1:08.5"


def seconds_of(text: str) -> float:
    """8.5, 1:08.5 (a minute and 8.5 s), 1:02:03 (an hour and more). Raises ValueError for anything else."""
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        return float(text)
    hours, minutes, seconds = int(match[1] or 0), int(match[2]), float(match[3])
    if seconds >= 60 or (match[1] and minutes >= 60):
        raise ValueError(f"{text}: there are 60 seconds in a minute")
    return round((hours * 60 + minutes) * 60 + seconds, 9)


def clock(seconds: float) -> str:
    """68.5 -> 1:08.5; milliseconds where there are any."""
    minutes, rest = divmod(abs(round(seconds * 1000)), 60_000)
    tail = f"{rest / 1000:06.3f}".rstrip("0").rstrip(".")
    return f"{'-' if round(seconds * 1000) < 0 else ''}{minutes}:{tail}"

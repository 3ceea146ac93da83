"""When a change may happen: at once, at a beat, at a bar, at every so many bars. Knows no clock."""

from __future__ import annotations

import re

from bridge.clock.timeline import Meter

OFF, BEAT, BAR = "off", "beat", "bar"
MAX_BARS = 64
EXPECTED = f"{OFF}, {BEAT}, {BAR}, or a number of bars up to {MAX_BARS} such as '4 bars'"
_BARS = re.compile(r"([0-9]{1,3}) ?bars?")


def normal(text: str) -> str:
    """As it is kept and shown: "4 bars"; "1 bar" is "bar". Raises ValueError."""
    words = text.strip().lower()
    if words in (OFF, BEAT, BAR):
        return words
    count = _bars(words)
    return BAR if count == 1 else f"{count} bars"


def step_beats(text: str, meter: Meter) -> float:
    """Beats from one time to the next; 0 for at once. Raises ValueError."""
    words = normal(text)
    if words in (OFF, BEAT):
        return float(words == BEAT)
    return float(meter.beats * (1 if words == BAR else _bars(words)))


def _bars(words: str) -> int:
    found = _BARS.fullmatch(words)
    if found is None or not 1 <= int(found[1]) <= MAX_BARS:
        raise ValueError(words)
    return int(found[1])

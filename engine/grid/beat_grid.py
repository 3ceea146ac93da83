"""The beat grid that a model with `lyric_input: "beat_grid"` reads in place of lyrics. Knows no torch and no audio.

One id for each latent frame, taken at the frame's centre: 0 is "unknown", and 1 + 64 * m + floor(64 * phase)
says where in its bar the frame lies, with m = 0, 1, 2 for 4/4, 3/4 and 6/8 (the phase alone cannot tell 3/4 at
90 bpm from 4/4 at 120).
"""

from __future__ import annotations

import math
import re

from engine.constants import FRAME_RATE
from engine.grid.tempo_map import TempoMap, TempoPoint

PHASES = 64
METERS = ((4, 4), (3, 4), (6, 8))
UNKNOWN = 0
VOCABULARY = 1 + PHASES * len(METERS)

_TEMPO_WORDS = re.compile(r"(?<![\w.])(\d{2,3}(?:\.\d+)?)\s*(?:-\s*)?(?:bpm|beats per minute)\b", re.IGNORECASE)


def grid_id(point: TempoPoint, bars: float) -> int:
    """The id at `bars` (position in bars of `point`). Meters outside the three keep their pulse.

    2/4 and 2/2 count pairs of bars as one 4/4 bar, 3/8 and 3/2 are 3/4, 9/8 and 12/8 count in groups of six
    eighths, and 5/4, 7/8 and the like are 4/4 that starts again at each bar line.
    """
    numerator, denominator = point.numerator, point.denominator
    within = (bars - math.floor(bars)) * point.bar_quarters
    if denominator == 8 and numerator % 3 == 0 and numerator > 3:
        return _id(2, within / 3.0)
    if numerator == 3:
        return _id(1, bars)
    if (numerator, denominator) in ((2, 4), (1, 4), (2, 2)):
        return _id(0, bars * point.bar_quarters / 4.0)
    return _id(0, within / 4.0)


def _id(meter: int, phase: float) -> int:
    phase = phase + 1e-9
    return 1 + PHASES * meter + min(PHASES - 1, int(PHASES * (phase - math.floor(phase))))


def beat_grid_ids(tempo_map: TempoMap | None, window_start_seconds: float, frames: int) -> list[int]:
    """Ids for `frames` latent frames of a window that starts at `window_start_seconds` of the source.

    Without a map (or with an empty one) every id is 0.
    """
    if tempo_map is None or not tempo_map.points:
        return [UNKNOWN] * frames
    centres = (window_start_seconds + (frame + 0.5) / FRAME_RATE for frame in range(frames))
    return [grid_id(*tempo_map.bars_at(seconds)) for seconds in centres]


def tempo_from_tags(tags: str) -> float | None:
    """The tempo in tags such as "house, 124 bpm", or None. Outside 30 to 300 bpm it is not a tempo."""
    match = _TEMPO_WORDS.search(tags)
    if match is None:
        return None
    bpm = float(match.group(1))
    return bpm if 30.0 <= bpm <= 300.0 else None

"""What is heard at a border: a flam (`flams`), or a dip of the level, where the music around has none. Numbers only.

A dip is 30 ms that lie 9 dB under what is before and after, and deeper than nearly all of the music's own gaps. What
dies away before an attack is none: after a dip the level is again about what it was.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.audio.attacks import levels
from engine.audio.flams import is_flam

Read = Callable[[int, int], NDArray[np.float64]]
Span = tuple[int, int]
_AROUND_SECONDS = 4.0
_DIP_DB = 9.0
_DIP_STEPS, _SIDE_STEPS = 30, 60
_ATTACK_DB = 20.0  # over what was before: an attack after a tail
_USUAL_PERCENTILE, _MORE_DB = 99.0, 3.0  # of the music's own gaps, as before its attacks


def heard_at(read: Read, span: Span, fade: Span, sample_rate: int) -> tuple[bool, bool]:
    """Whether there is a flam, and a dip, at the fade [first, last) in what `read` gives within `span`."""
    around, middle = round(_AROUND_SECONDS * sample_rate), sum(fade) // 2
    first, last = max(span[0], middle - around), min(span[1], middle + around)
    part = read(first, last)
    edges = (fade[0] - first) / sample_rate, (fade[1] - first) / sample_rate
    return is_flam(part, sample_rate, edges), is_dip(part, sample_rate, (middle - first) / sample_rate)


def is_dip(samples: NDArray[np.float64], sample_rate: int, border_seconds: float) -> bool:
    """Whether the level dips at a border within (channels, n), some seconds on each side of it."""
    power, border = levels(samples, sample_rate), 1000 * border_seconds
    at = np.arange(_SIDE_STEPS + _DIP_STEPS, power.size - _SIDE_STEPS - 2 * _DIP_STEPS)
    sums = np.concatenate([[0.0], np.cumsum(power)]) + 1e-12 * np.arange(power.size + 1)

    def level(first: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
        return 10 * np.log10((sums[first + steps] - sums[first]) / steps)

    before, after = level(at - _SIDE_STEPS, _SIDE_STEPS), level(at + _DIP_STEPS, _SIDE_STEPS)
    depth = np.where(after < before + _ATTACK_DB, np.minimum(before, after) - level(at, _DIP_STEPS), 0.0)
    here = np.abs(at + _DIP_STEPS / 2 - border) <= _DIP_STEPS
    if not here.any() or here.all():
        return False
    usual = float(np.percentile(depth[~here], _USUAL_PERCENTILE)) + _MORE_DB
    return float(depth[here].max()) > max(_DIP_DB, usual)

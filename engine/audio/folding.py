"""Onsets laid on one another by phase of a period, as beats are told; the peaks of what is tried. Numbers only."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

PHASES = 96
Array = NDArray[np.float64]


def folded(times: Array, values: Array, period: float, phases: int = PHASES) -> Array:
    """Values at times in seconds by phase of a period, a little smoothed: (phases,)."""
    place = np.mod(times, period) / period * phases
    low = place.astype(np.intp)
    share = place - low
    counts = np.bincount(low % phases, values * (1 - share), phases)
    counts += np.bincount((low + 1) % phases, values * share, phases)
    wide = max(1, round(0.01 / period * phases))
    padded = np.concatenate([counts[-wide - 1 :], counts, counts[: wide + 1]])
    return np.convolve(padded, _kernel(2 * wide + 3), "valid")


@cache
def _kernel(size: int) -> Array:
    """A window of sum 1."""
    window = np.hanning(size)
    return np.asarray(window / window.sum())


def peaks(values: Array) -> NDArray[np.intp]:
    """Where values are no less than both neighbours, the ends among them, the largest first."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    found = np.flatnonzero((values >= padded[:-2]) & (values >= padded[2:]))
    return found[np.argsort(-values[found])]


def vertex(values: Array, best: int) -> float:
    """Where between its neighbours a parabola through them is highest, from -0.5 to 0.5."""
    left, top, right = values[best - 1], values[best], values[(best + 1) % values.size]
    bend = left - 2 * top + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0

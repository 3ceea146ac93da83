"""Whether two attacks sound at a border where the music around has one: a flam. Numbers only.

A second attack under the first one's decay hardly raises the level, but it does raise most of twelve bands. So an
attack is a rise over the loudest of the 5 to 14 ms before, in the mean of the bands. Two of them less than 70 ms apart
weigh as much as the weaker, and the more the more alike their first 12 ms are, as the old and the new beat of a joint
are. Strings that are strummed, rolls and fast hats are pairs as well: a flam weighs more than nearly all pairs of the
4 s on each side.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.signal import correlate

Array = NDArray[np.float64]
FLAM_STEPS = 70  # of 1 ms
_APART_STEPS = 12
_AT_BORDER_STEPS = 30  # a fade's length: the first attack begins before its end, the second after its start
_WINDOW_SECONDS = 0.008
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 12, 150.0, 16000.0
_FIRST_BEFORE, _LAST_BEFORE = 5, 14  # steps: beyond the reach of a window
_FLOOR_DB, _FULL_RISE_DB = -50.0, 12.0
_LEAST_STRENGTH, _PEAK_STEPS = 0.04, 10
_ALIKE_SECONDS, _LEAD_SECONDS, _LAG_SECONDS = 0.012, 0.004, 0.005
_PLACE_STEPS, _AWAY_STEPS = 10, 150
_NOTHING = 1e-12
_UNLIKE_WEIGHT, _SECOND_WEIGHT = 0.3, 2.0  # what sounds under a decay is told less well
_USUAL_PERCENTILE, _MORE, _LEAST_WEIGHT = 98.0, 1.2, 0.06


def is_flam(samples: Array, sample_rate: int, border_seconds: float) -> bool:
    """Whether there is one at a border within (channels, n), some seconds on each side of it."""
    strengths = _strengths(_band_levels(samples, sample_rate))
    pairs = _pairs(samples, sample_rate, strengths)
    border = 1000 * border_seconds
    places = np.arange(_PLACE_STEPS, strengths.size, _PLACE_STEPS)
    away = places[np.abs(places - border) > _AWAY_STEPS]
    usual = float(np.percentile(_heaviest(pairs, away), _USUAL_PERCENTILE)) if away.size else 0.0
    return bool(_heaviest(pairs, np.array([border]))[0] > max(_LEAST_WEIGHT, _MORE * usual))


def _band_levels(samples: Array, rate: int) -> Array:
    """Power of each band each millisecond: (steps, bands)."""
    size = max(16, round(_WINDOW_SECONDS * rate))
    padded = np.pad(samples.astype(np.float32), ((0, 0), (size // 2, size)))
    starts = np.round(np.arange(int(1000 * samples.shape[1] / rate)) * rate / 1000).astype(np.int64)
    points = 2 << (size - 1).bit_length()
    hertz = np.fft.rfftfreq(points, 1 / rate)
    edges = np.searchsorted(hertz, np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, 0.45 * rate), _BANDS + 1))
    window = np.hanning(size).astype(np.float32)
    levels = np.zeros((starts.size, _BANDS))
    for channel in padded:
        frames = np.lib.stride_tricks.sliding_window_view(channel, size)
        for block in np.array_split(np.arange(starts.size), max(1, starts.size // 500)):
            power = np.abs(np.fft.rfft(frames[starts[block]] * window, points)) ** 2
            levels[block] += np.stack([power[:, a:b].sum(axis=1) for a, b in pairwise(edges)], axis=1)
    return levels


def _strengths(levels: Array) -> Array:
    """How much of an attack begins in each millisecond, 0 to 1: (steps,)."""
    whole = levels.sum(axis=1)
    loudest = float(whole.max(initial=0.0))
    if loudest <= 0:
        return np.zeros(len(levels))
    in_db = 10 * np.log10(levels + loudest * 10 ** (_FLOOR_DB / 10) / _BANDS)
    middle = (_FIRST_BEFORE + _LAST_BEFORE) // 2
    before = maximum_filter1d(in_db, _LAST_BEFORE - _FIRST_BEFORE + 1, axis=0, mode="nearest")
    before = np.concatenate([np.repeat(before[:1], middle, axis=0), before])[: len(in_db)]
    rise = np.clip(in_db - before, 0, _FULL_RISE_DB).mean(axis=1) / _FULL_RISE_DB
    return np.asarray(rise * (maximum_filter1d(whole, _PEAK_STEPS) / loudest) ** 0.25)


def _pairs(samples: Array, rate: int, strengths: Array) -> Array:
    """Attacks less than 70 ms apart: steps of the first and the second, and what the pair weighs: (pairs, 3)."""
    peak = (strengths >= maximum_filter1d(strengths, 2 * _PEAK_STEPS + 1)) & (strengths > _LEAST_STRENGTH)
    steps = np.flatnonzero(peak)
    edge = np.diff(samples, axis=1, prepend=0)
    found = []
    for number, first in enumerate(steps):
        for second in steps[number + 1 : np.searchsorted(steps, first + FLAM_STEPS)]:
            if second - first >= _APART_STEPS:
                weaker = min(strengths[first], _SECOND_WEIGHT * strengths[second])
                found.append(
                    (first, second, weaker * (_UNLIKE_WEIGHT + _likeness(edge, rate, int(first), int(second)) ** 2))
                )
    return np.array(found, dtype=np.float64).reshape(-1, 3)


def _likeness(samples: Array, rate: int, first: int, second: int) -> float:
    """How alike two attacks begin, 0 to 1: their correlation at the best of some milliseconds."""
    length, lag = round(_ALIKE_SECONDS * rate), round(_LAG_SECONDS * rate)
    here, there = (round((step / 1000 - _LEAD_SECONDS) * rate) for step in (first, second))
    if here < 0 or there < lag or there + length + lag > samples.shape[1]:
        return 0.0
    window = np.hanning(length)
    one, other = samples[:, here : here + length], samples[:, there - lag : there + length + lag]
    product = sum(correlate(b, a * window, "valid") for a, b in zip(one, other, strict=True))
    powers = np.cumsum(np.concatenate([[0.0], (other**2).sum(axis=0)]))
    scale = np.sqrt((one**2 * window).sum() * np.maximum(powers[length:] - powers[:-length], 0.0))
    return float(np.max(product / np.maximum(scale, _NOTHING), initial=0.0))


def _heaviest(pairs: Array, places: Array) -> Array:
    """The weight of the heaviest pair at each of the places, in steps and ascending: (places,)."""
    heaviest = np.zeros(places.size)
    for first, second, weight in pairs[np.argsort(pairs[:, 2])]:
        low, high = np.searchsorted(places, (first - _AT_BORDER_STEPS, second + _AT_BORDER_STEPS))
        heaviest[low:high] = weight
    return heaviest

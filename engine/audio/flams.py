"""Whether two attacks sound at a border where the music around has one: a flam. Numbers only.

A second attack under the first one's decay hardly raises the level, but it does raise most of twelve bands. So an
attack is a rise over the loudest of the 5 to 14 ms before, in the mean of the bands. Two of them less than 70 ms apart
weigh as much as the weaker, and the more the more alike their first 12 ms are, as the old and the new beat of a joint
are. Strings that are strummed, rolls and fast hats are pairs as well: it is a flam where fewer than a tenth of the
places around, 4 s on each side, have a pair nearly as heavy. Most borders have no pair, so that nothing else is heard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.ndimage import maximum_filter1d
from scipy.signal import correlate

Array = NDArray[np.float64]
FLAM_STEPS = 70  # of 1 ms
_APART_STEPS = 12
_AT_FADE_STEPS = 15  # the first attack begins at most so late after a fade, the second so early before it
_NEAR_STEPS = 200  # on each side: all that a pair at the border is told by
_WINDOW_SECONDS = 0.008
_LEVEL_STEPS = 4  # between the moments of which the loudest is taken
_BANDS, _LOWEST_HZ, _HIGHEST_HZ, _WIDEST_BIN_HZ = 12, 150.0, 16000.0, 95.0
_FIRST_BEFORE, _LAST_BEFORE = 5, 14  # steps: beyond the reach of a window
_FLOOR_DB, _FULL_RISE_DB = -50.0, 12.0
_LEAST_STRENGTH, _PEAK_STEPS = 0.04, 10
_ALIKE_SECONDS, _LEAD_SECONDS, _LAG_SECONDS = 0.012, 0.004, 0.005
_PLACE_STEPS, _AWAY_STEPS = 10, 150
_NOTHING = 1e-12
_UNLIKE_WEIGHT, _SECOND_WEIGHT = 0.3, 2.0  # what sounds under a decay is told less well
_USUAL_SHARE, _MORE, _LEAST_WEIGHT = 0.1, 1.35, 0.06


def is_flam(samples: Array, sample_rate: int, fade: tuple[float, float]) -> bool:
    """Whether there is one at a fade [first, last) seconds within (channels, n), some seconds on each side of it."""
    loudest = float(_band_levels(samples, sample_rate, _LEVEL_STEPS).sum(axis=1).max(initial=0.0))
    border, wide = 500 * (fade[0] + fade[1]), 500 * (fade[1] - fade[0]) + _AT_FADE_STEPS
    first = max(0, round(border) - _NEAR_STEPS)
    near = samples[:, round(first * sample_rate / 1000) : round((border + _NEAR_STEPS) * sample_rate / 1000)]
    weight = _heaviest_at(border - first, wide, near, sample_rate, loudest)
    if weight <= _LEAST_WEIGHT:
        return False
    places = np.arange(_PLACE_STEPS, int(1000 * samples.shape[1] / sample_rate), _PLACE_STEPS)
    away = places[np.abs(places - border) > _AWAY_STEPS]
    return not _is_usual(weight / _MORE, away, wide, samples, sample_rate, loudest)


def _heaviest_at(border: float, wide: float, samples: Array, rate: int, loudest: float) -> float:
    """The weight of the heaviest pair less than so many steps from one of the samples."""
    pairs = _pairs(samples, rate, loudest, _LEAST_WEIGHT)
    at = [pair for pair in pairs if pair.first - wide <= border < pair.second + wide]
    edge = _edge(samples)
    return max((pair.weight(edge, rate) for pair in at), default=0.0)


def _is_usual(weight: float, places: Array, wide: float, samples: Array, rate: int, loudest: float) -> bool:
    """Whether a pair as heavy is so near to a tenth of the places, in steps and ascending."""
    edge, around = _edge(samples), np.zeros(places.size, dtype=bool)
    for pair in sorted(_pairs(samples, rate, loudest, weight), key=lambda pair: -pair.weaker):
        low, high = np.searchsorted(places, (pair.first - wide, pair.second + wide))
        if not around[low:high].all() and pair.weight(edge, rate) >= weight:
            around[low:high] = True
            if around.mean() >= _USUAL_SHARE:
                return True
    return False


def _edge(samples: Array) -> Array:
    return np.diff(samples, axis=1, prepend=0)


def _band_levels(samples: Array, rate: int, hop_steps: int = 1) -> Array:
    """Power of each band each so many milliseconds: (steps, bands)."""
    size = max(16, round(_WINDOW_SECONDS * rate))
    padded = np.pad(samples.astype(np.float32), ((0, 0), (size // 2, size)))
    starts = np.round(np.arange(0, int(1000 * samples.shape[1] / rate), hop_steps) * rate / 1000).astype(np.int64)
    points = 1 << max(4, math.ceil(math.log2(max(size, rate / _WIDEST_BIN_HZ))))
    hertz = np.fft.rfftfreq(points, 1 / rate)
    edges = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, 0.45 * rate), _BANDS + 1)
    of_band = np.stack([(hertz >= a) & (hertz < b) for a, b in pairwise(edges)], axis=1).astype(np.float32)
    window = np.hanning(size).astype(np.float32)
    levels = np.zeros((starts.size, _BANDS))
    for channel in padded:
        frames = np.lib.stride_tricks.sliding_window_view(channel, size)
        for block in np.array_split(np.arange(starts.size), max(1, starts.size // 500)):
            spectrum = rfft(frames[starts[block]] * window, points)
            levels[block] += (spectrum.real**2 + spectrum.imag**2) @ of_band
    return levels


def _strengths(levels: Array, loudest: float) -> Array:
    """How much of an attack begins in each millisecond, 0 to 1, where the loudest around is known: (steps,)."""
    if loudest <= 0:
        return np.zeros(len(levels))
    in_db = 10 * np.log10(levels + loudest * 10 ** (_FLOOR_DB / 10) / _BANDS)
    middle = (_FIRST_BEFORE + _LAST_BEFORE) // 2
    before = maximum_filter1d(in_db, _LAST_BEFORE - _FIRST_BEFORE + 1, axis=0, mode="nearest")
    before = np.concatenate([np.repeat(before[:1], middle, axis=0), before])[: len(in_db)]
    rise = np.clip(in_db - before, 0, _FULL_RISE_DB).mean(axis=1) / _FULL_RISE_DB
    whole = levels.sum(axis=1)
    return np.asarray(rise * np.minimum(maximum_filter1d(whole, _PEAK_STEPS) / loudest, 1.0) ** 0.25)


@dataclass(frozen=True)
class _Pair:
    """Two attacks less than 70 ms apart, at steps `first` and `second`; `weaker`: how strong the weaker of them is."""

    first: int
    second: int
    weaker: float

    def weight(self, edge: Array, rate: int) -> float:
        """What it weighs in the samples of which `edge` are the differences."""
        return float(self.weaker * (_UNLIKE_WEIGHT + _likeness(edge, rate, self.first, self.second) ** 2))


def _pairs(samples: Array, rate: int, loudest: float, least: float) -> list[_Pair]:
    """All pairs but those that would weigh less than `least` however alike they were."""
    strengths = _strengths(_band_levels(samples, rate), loudest)
    peak = (strengths >= maximum_filter1d(strengths, 2 * _PEAK_STEPS + 1)) & (strengths > _LEAST_STRENGTH)
    steps = np.flatnonzero(peak)
    found = []
    for number, first in enumerate(steps):
        for second in steps[number + 1 : np.searchsorted(steps, first + FLAM_STEPS)]:
            weaker = float(min(strengths[first], _SECOND_WEIGHT * strengths[second]))
            if second - first >= _APART_STEPS and weaker * (_UNLIKE_WEIGHT + 1) >= least:
                found.append(_Pair(int(first), int(second), weaker))
    return found


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

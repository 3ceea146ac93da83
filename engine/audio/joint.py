r"""Where the fade between two pieces of audio lies: where it is heard least. Numbers only.

    first    ########\                 what sounds until the fade
    second        /##########          what sounds after it
             |...|--|..............|   the stretch that the fade may lie in

Each place and length is given a cost. What costs most is an attack inside the fade (it sounds twice, or half); then an
attack of the first just before the fade and one of the second just after it (a flam), and one that both have and
neither is heard with; then loud and unlike material, and a dip or bump of the level that the law of the fade cannot
prevent. A fade that an attack follows ends right before it, so that what a model lets sound ahead of its attacks is not
heard. Costs are of one scale: 1 is a fade that would be noticed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from engine.audio.attacks import STEP_SECONDS, Attacks, find_attacks, levels, rises
from engine.audio.fade import Powers, level_off_db

FLAM_STEPS = 70
MARGIN_SECONDS = 0.5  # of both pieces on each side of the stretch, to tell attacks and levels there
_SHORTEST_SECONDS = 0.004
_AHEAD_STEPS, _RISE_STEPS = 30, 6
_WORTH_MOVING = 0.05
_MADE_STEPS, _SAME_STEPS = 14, 3  # of both pieces, in which a rise is heard; and is the same
_BESIDE_STEPS = 16  # of both pieces, heard with a fade
_INSIDE, _FLAM, _LOST, _CUT, _LOUD, _UNLIKE, _SHORT, _FAR, _AHEAD = 12.0, 4.0, 3.0, 0.5, 1.0, 0.7, 0.4, 0.3, 3.0
_UNEVEN = 0.5  # a decibel
_MADE, _RISE = 4.0, 0.5


@dataclass(frozen=True, eq=False)
class Stretch:
    """`first` and `second`, float64 (channels, n) of the same positions; the fade may lie in samples [low, high).

    `pinned` is where it begins when nothing speaks against it, `known` the samples that both are known in. Only what a
    model made has sound ahead of its attacks that is not meant.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    sample_rate: int
    low: int
    high: int
    pinned: int
    fade: int
    first_known: tuple[int, int]
    second_known: tuple[int, int]
    second_is_made: bool


def place_fade(stretch: Stretch) -> tuple[int, int]:
    """First sample and length of the fade that is heard least."""
    length = min(stretch.fade, stretch.high - stretch.low)
    shortest = min(length, max(1, round(_SHORTEST_SECONDS * stretch.sample_rate)))
    lengths = sorted({max(shortest, length // part) for part in (1, 2, 4, 8)}, reverse=True)
    costs = _Costs(stretch)
    hop = max(1, round(STEP_SECONDS * stretch.sample_rate))
    places = [(a, n) for n in lengths for a in _places(stretch, n, hop)]
    best = min(places, key=lambda place: costs.of(*place))
    pinned = min(max(stretch.pinned, stretch.low), stretch.high - length), length
    return pinned if costs.of(*pinned) <= costs.of(*best) + _WORTH_MOVING else best


def _places(stretch: Stretch, length: int, hop: int) -> list[int]:
    last = stretch.high - length
    return sorted({*range(stretch.low, last + 1, hop), last, min(max(stretch.pinned, stretch.low), last)})


class _Costs:
    """The cost of a fade at any place of one stretch."""

    def __init__(self, stretch: Stretch) -> None:
        rate = stretch.sample_rate
        self._stretch = stretch
        self._first = _known_attacks(stretch.first, stretch.first_known, rate)
        self._second = _known_attacks(stretch.second, stretch.second_known, rate)
        self._powers = levels(stretch.first, rate), levels(stretch.second, rate)
        power = np.maximum(*self._powers)
        self._power, self._loudest = power, float(power.max(initial=0.0))
        products = Powers.of(stretch.first, stretch.second)
        parts = (products.first, products.second, products.product)
        self._sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in parts]
        self._uneven: dict[int, NDArray[np.float64]] = {}

    def of(self, start: int, length: int) -> float:
        """The cost of the fade [start, start + length)."""
        rate = self._stretch.sample_rate * STEP_SECONDS
        a, b = start / rate, (start + length) / rate
        far = abs(start + length / 2 - self._stretch.pinned - self._stretch.fade / 2)
        return (
            _INSIDE * self._inside(a, b)
            + _FLAM * _pairs(self._first, (a - FLAM_STEPS, a), self._second, (b, b + FLAM_STEPS), FLAM_STEPS)
            + _LOST * _pairs(self._first, (b, b + FLAM_STEPS), self._second, (a - FLAM_STEPS, a), FLAM_STEPS)
            + _CUT * _most(self._first.within(a - 15, a - 2))
            + self._ahead(a, b)
            + _MADE * self._made(a, b)
            + _LOUD * self._loud(a, b)
            + _UNLIKE * (1 - self._alike(start, start + length))
            + _UNEVEN * self._uneven_db(start, length)
            + _SHORT * (1 - length / max(self._stretch.fade, 1))
            + _FAR * far / max(self._stretch.high - self._stretch.low, 1)
        )

    def _inside(self, a: float, b: float) -> float:
        """Attacks of the first that begin before the fade ends, of the second once it has begun."""
        return _most(self._first.within(a - 1, b - 1)) + _most(self._second.within(a + 1, b - 0.5))

    def _ahead(self, a: float, b: float) -> float:
        """How long what a model lets sound ahead of its next attack is heard; how near the rise of a source's is."""
        made = self._stretch.second_is_made
        near = (self._second.steps >= b - 0.5) & (self._second.steps < b + (_AHEAD_STEPS if made else _RISE_STEPS))
        if not near.any():
            return 0.0
        strengths = self._second.strengths[near]
        if not made:
            return _RISE * float(strengths.max())
        return _AHEAD * float((strengths * np.clip((self._second.steps[near] - a) / _AHEAD_STEPS, 0, 2)).max())

    def _made(self, a: float, b: float) -> float:
        """How much of an attack the fade itself makes: a rise of the level that the piece heard there has not."""
        first, last = max(0, round(a) - _MADE_STEPS), min(round(b) + _MADE_STEPS, self._powers[0].size)
        one, other = (power[first:last] for power in self._powers)
        share = np.clip((np.arange(first, last) + 0.5 - a) / max(b - a, 1), 0, 1)
        made = rises(one + (other - one) * share, self._loudest)
        own = np.maximum(rises(one, self._loudest) * (1 - share), rises(other, self._loudest) * share)
        near = maximum_filter1d(own, 2 * _SAME_STEPS + 1)
        return float(np.max(made - near, initial=0.0))

    def _loud(self, a: float, b: float) -> float:
        if self._loudest <= 0:
            return 0.0
        part = self._power[max(0, int(a)) : max(int(a) + 1, round(b))]
        level = 10 * np.log10(float(part.mean() if part.size else 0.0) / self._loudest + 1e-6)
        return float(np.clip(1 + level / 40, 0, 1))

    def _alike(self, start: int, stop: int) -> float:
        one, other, both = (s[stop] - s[start] for s in self._sums)
        scale = float(np.sqrt(one * other))
        return max(0.0, float(both) / scale) if scale > 0 else 1.0

    def _uneven_db(self, start: int, length: int) -> float:
        """How far the level of the fade is off an even passage, in dB, as steps of 1 ms tell it."""
        hop = self._stretch.sample_rate * STEP_SECONDS
        steps, first = max(1, round(length / hop)), round(self._stretch.low / hop)
        if steps not in self._uneven:
            self._uneven[steps] = self._uneven_from(first, steps)
        known = self._uneven[steps]
        at = min(round(start / hop) - first, known.size - 1)
        return float(known[at]) if at >= 0 else 0.0

    def _uneven_from(self, first: int, steps: int) -> NDArray[np.float64]:
        """That of fades of so many steps, from the step `first` of the stretch on."""
        hop = self._stretch.sample_rate * STEP_SECONDS
        last = min(round(self._stretch.high / hop) + _BESIDE_STEPS, int(self._stretch.first.shape[1] / hop))
        size = steps + 2 * _BESIDE_STEPS
        edges = np.round(np.arange(first - _BESIDE_STEPS, last + 1) * hop).astype(np.int64)
        if edges[0] < 0 or edges.size <= size:
            return np.zeros(0)
        parts = [np.lib.stride_tricks.sliding_window_view(np.diff(sums[edges]), size) for sums in self._sums]
        return level_off_db(Powers(*parts), _BESIDE_STEPS, steps, 1 / STEP_SECONDS)


def _known_attacks(samples: NDArray[np.float64], known: tuple[int, int], rate: int) -> Attacks:
    attacks = find_attacks(samples[:, known[0] : known[1]], rate)
    inside = attacks.steps >= 3  # the first moment of what is known is no attack
    offset = round(known[0] / rate / STEP_SECONDS)
    return Attacks(attacks.steps[inside] + offset, attacks.strengths[inside])


def _pairs(one: Attacks, where: tuple[float, float], other: Attacks, there: tuple[float, float], apart: float) -> float:
    """The strongest pair of an attack of `one` within `where` and one of `other` within `there`, near each other."""
    near = (one.steps >= where[0]) & (one.steps < where[1])
    far = (other.steps >= there[0] - 1) & (other.steps < there[1])
    if not near.any() or not far.any():
        return 0.0
    close = np.abs(one.steps[near][:, None] - other.steps[far][None]) < apart
    return float((np.minimum(one.strengths[near][:, None], other.strengths[far][None]) * close).max())


def _most(strengths: NDArray[np.float64]) -> float:
    return float(strengths.max(initial=0.0))

"""Attacks at a millisecond: where sound begins, and how strongly, for joints and for the report. numpy only.

An attack is a rise of level within 4 ms over the 10 ms before, in the whole spectrum or in its upper part; what is
40 dB under the loudest moment around is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP_SECONDS = 0.001
_BEFORE_STEPS, _AFTER_STEPS = 10, 4
_FLOOR_DB = -40.0
_LEAST_RISE_DB, _FULL_RISE_DB = 4.0, 14.0
_APART_STEPS = 12
FOUND_STRENGTH = 0.25


@dataclass(frozen=True, eq=False)
class Attacks:
    """Attacks of a stretch of audio, their times in steps of 1 ms from its first sample, and strengths 0 to 1."""

    steps: NDArray[np.int64]
    strengths: NDArray[np.float64]

    def within(self, first: float, last: float) -> NDArray[np.float64]:
        """Strengths of those in [first, last)."""
        return self.strengths[(self.steps >= first) & (self.steps < last)]


def levels(samples: NDArray[Any], sample_rate: int) -> NDArray[np.float64]:
    """Mean power of each millisecond of (channels, n): (steps,)."""
    count = int(samples.shape[1] / sample_rate / STEP_SECONDS)
    edges = np.round(np.arange(count + 1) * sample_rate * STEP_SECONDS).astype(np.int64)
    sums = np.concatenate([[0.0], np.cumsum(np.mean(samples.astype(np.float64) ** 2, axis=0))])
    return np.maximum(np.diff(sums[edges]) / np.maximum(np.diff(edges), 1), 0.0)


def strength(samples: NDArray[Any], sample_rate: int) -> NDArray[np.float64]:
    """How much of an attack begins in each millisecond of (channels, n), 0 to 1: (steps,)."""
    edge = np.diff(samples.astype(np.float64), axis=1, prepend=samples[:, :1])
    return np.maximum(rises(levels(samples, sample_rate)), rises(levels(edge, sample_rate)))


def find_attacks(samples: NDArray[Any], sample_rate: int) -> Attacks:
    """The attacks of (channels, n): the strongest moment of each, at least 12 ms apart."""
    values = strength(samples, sample_rate)
    taken: list[int] = []
    for step in np.argsort(-values, kind="stable"):
        if values[step] < FOUND_STRENGTH:
            break
        if all(abs(int(step) - other) > _APART_STEPS for other in taken):
            taken.append(int(step))
    steps = np.array(sorted(taken), dtype=np.int64)
    return Attacks(steps, values[steps])


def rises(power: NDArray[np.float64], loudest: float | None = None) -> NDArray[np.float64]:
    """Rise of a level at each step in shares of a full attack, weighted by how loud it becomes; of `loudest`, where
    that is known, else of the loudest there."""
    if power.size < _BEFORE_STEPS + _AFTER_STEPS:
        return np.zeros(power.size)
    after, before = _mean(power, 0, _AFTER_STEPS), _mean(power, -_BEFORE_STEPS, 0)
    loudest = float(after.max()) if loudest is None else loudest
    if loudest <= 0:
        return np.zeros(power.size)
    floor = loudest * 10 ** (_FLOOR_DB / 10)
    rise = 10 * np.log10((after + floor) / (before + floor))
    share = np.clip((rise - _LEAST_RISE_DB) / (_FULL_RISE_DB - _LEAST_RISE_DB), 0, 1)
    return np.asarray(share * np.clip(after / loudest, 0, 1) ** 0.25)


def _mean(power: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """Mean of the steps [i + first, i + last) that there are, for each step i."""
    sums = np.concatenate([[0.0], np.cumsum(power)])
    index = np.arange(power.size)
    low, high = np.clip(index + first, 0, power.size), np.clip(index + last, 0, power.size)
    return np.asarray((sums[high] - sums[low]) / np.maximum(high - low, 1))

"""How sharp a joint is against the music's own attacks, and whether it clicks. Numbers only.

What is compared is the sharpest moment within a fade and 5 ms beside it (peak of the second difference) with the 95th
percentile of the sharpest moments of each tenth of a second, 2 s either way, and with the source at the place itself
where that is known: an attack that the source has there is the music's own.

A click stands alone: an attack stays sharp for some milliseconds. One over the music's attacks is a click, and one
below them where the music has no such lone moment about as sharp: between sparse drums it is heard as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Read = Callable[[int, int], Array]
Span = tuple[int, int]
_AROUND_SECONDS = 2.0
_PIECE_SECONDS = 0.1
_MOMENT_SECONDS = 0.005
_ALONE_SECONDS, _ALONE_SAMPLES, _ALONE_DB = 0.004, 4, 9.0
_LEAST_DB, _OVER_LONE_DB = -24.0, 3.0  # of a click below the music's attacks; over the music's own lone moments
_QUIET = 1e-4  # a second difference of -80 dB: below it nothing is heard as a click


@dataclass(frozen=True)
class Sharpest:
    """The sharpest moment of a joint: in dB over the music's own attacks, and whether it is a click."""

    level_db: float
    is_click: bool


def sharpest(read: Read, output: Span, joint: Span, sample_rate: int, source: Read | None = None) -> Sharpest:
    """That of the fade [first, last) in what `read(start, stop)` gives within `output`; `source` reads the source."""
    first, last = output
    moment, around = max(4, round(_MOMENT_SECONDS * sample_rate)), round(_AROUND_SECONDS * sample_rate)
    low, high = max(first, joint[0] - moment), min(last, joint[1] + moment)
    near = _Moments.of(read, (max(first, low - moment), min(last, high + moment)), sample_rate)
    sides = (max(first, joint[0] - around), max(first, joint[0] - moment)), (high, min(last, joint[1] + around))
    music = [_Moments.of(read, side, sample_rate).of_pieces() for side in sides]
    peaks, alone = (np.concatenate(part) for part in zip(*music, strict=True))
    here, by_itself = near.sharpest(low, high)
    own, own_alone = (0.0, False) if source is None else _Moments.of(source, near.span, sample_rate).sharpest(low, high)
    usual = max(float(np.percentile(peaks, 95)) if peaks.size else 0.0, own)
    level, lone = round(_db(here, usual), 2), float(peaks[alone].max(initial=0.0))
    between_attacks = level > _LEAST_DB and _db(here, lone) > _OVER_LONE_DB
    is_sources = own_alone and _db(here, own) <= _OVER_LONE_DB
    return Sharpest(level, by_itself and not is_sources and (level > 0 or between_attacks))


@dataclass(frozen=True, eq=False)
class _Moments:
    """How sharp each sample of [span) is, the larger of the channels: (n - 2,)."""

    span: Span
    values: Array
    sample_rate: int

    @staticmethod
    def of(read: Read, span: Span, sample_rate: int) -> _Moments:
        return _Moments(span, sharpness(read(span[0], max(span))), sample_rate)

    def sharpest(self, low: int, high: int) -> tuple[float, bool]:
        """The sharpest of positions [low, high), and whether it stands alone."""
        begin = low - self.span[0]
        part = self.values[begin : max(low, high - 2) - self.span[0]]
        if not part.size:
            return 0.0, False
        at = begin + int(part.argmax())
        return float(self.values[at]), self._is_alone(at)

    def of_pieces(self) -> tuple[Array, NDArray[np.bool_]]:
        """The sharpest moment of each whole tenth of a second, and whether it stands alone."""
        length = round(_PIECE_SECONDS * self.sample_rate)
        whole = self.values.size // length * length
        at = self.values[:whole].reshape(-1, length).argmax(axis=1) + np.arange(0, whole, length)
        return self.values[at], np.array([self._is_alone(int(index)) for index in at], dtype=bool)

    def _is_alone(self, at: int) -> bool:
        """Whether a moment is 9 dB sharper than nearly all of the 4 ms on each side of it."""
        wide = max(2 * _ALONE_SAMPLES, round(_ALONE_SECONDS * self.sample_rate))
        before = self.values[max(0, at - wide) : max(0, at - _ALONE_SAMPLES)]
        beside = np.concatenate([before, self.values[at + _ALONE_SAMPLES : at + wide]])
        usual = float(np.percentile(beside, 95)) if beside.size else 0.0
        return _db(float(self.values[at]), usual) > _ALONE_DB


def sharpness(samples: NDArray[Any]) -> Array:
    """Size of the second difference, the larger of the channels: (n - 2,)."""
    if samples.shape[1] < 3:
        return np.zeros(0)
    return np.asarray(np.abs(np.diff(samples.astype(np.float64), 2, axis=1)).max(axis=0))


def _db(sharp: float, usual: float) -> float:
    return 20 * math.log10(max(sharp, _QUIET) / max(usual, _QUIET))

"""Seconds at one tempo for a piece whose tempo changes: on them its pulse is steady. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BeatClock:
    """`points` are seconds of the source, ascending, and the tempo in bpm from each on; the first holds before it, too.

    At `seconds` the clock shows these seconds, and it goes at the tempo that is there.
    """

    points: tuple[tuple[float, float], ...]
    seconds: float

    def shown(self, seconds: Array) -> Array:
        """What it shows at each of the seconds of the source."""
        return self.seconds + (self._beats(seconds) - self._beats(np.array(self.seconds))) * 60.0 / self.bpm

    @property
    def bpm(self) -> float:
        """The tempo at its `seconds`."""
        return self.points[int(self._index(np.array(self.seconds)))][1]

    def _beats(self, seconds: Array) -> Array:
        """Beats from the first point on."""
        times, tempos = (np.array(part, dtype=np.float64) for part in zip(*self.points, strict=True))
        whole = np.concatenate([[0.0], np.cumsum(np.diff(times) * tempos[:-1])])
        index = self._index(seconds)
        return np.asarray((whole[index] + (seconds - times[index]) * tempos[index]) / 60.0)

    def _index(self, seconds: Array) -> NDArray[np.int64]:
        times = np.array([time for time, _ in self.points])
        return np.maximum(np.searchsorted(times, seconds + 1e-9, side="right") - 1, 0)

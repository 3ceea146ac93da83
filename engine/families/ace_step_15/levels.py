"""ACE-Step 1.5's noise levels: evenly spaced from 1 to 0, shifted once (arXiv 2403.03206, section 3.1).

Knows no network and no latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Shifted:
    """`engine.sampling.conditions.NoiseLevels` with a shift s: t = s u / (1 + (s - 1) u)."""

    def __init__(self, shift: float = 1.0) -> None:
        self.shift = shift

    def sigmas(self, number_of_steps: int, highest: float = 1.0, oss_steps: Sequence[int] = ()) -> np.ndarray:
        """The levels of a run, descending, without the final 0: float32 (N,). `oss_steps` picks from so many."""
        steps = max(oss_steps) if oss_steps else number_of_steps
        levels = self._shifted(np.linspace(highest, 0.0, steps + 1)[:-1]).astype(np.float32)
        return levels[np.asarray(oss_steps) - 1] if oss_steps else levels

    def start(self, highest: float) -> float:
        """Where such a run begins: what it starts from is mixed with noise at its first level."""
        return float(self._shifted(np.asarray(highest)))

    def _shifted(self, even: np.ndarray) -> np.ndarray:
        return self.shift * even / (1.0 + (self.shift - 1.0) * even)

"""v1's noise levels: the schedule of Stable Diffusion 3 (arXiv 2403.03206, section 3.1), its time shift applied twice.

Knows no network and no latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.sampling.schedules import TRAIN_TIMESTEPS

SHIFT = 3.0


class ShiftedTwice:
    """`engine.sampling.conditions.NoiseLevels` of the released weights."""

    def sigmas(self, number_of_steps: int, highest: float = 1.0, oss_steps: Sequence[int] = ()) -> np.ndarray:
        """See `get_sigmas`."""
        return get_sigmas(number_of_steps, highest, oss_steps)

    def start(self, highest: float) -> float:
        """Shifted once, although the first timestep is shifted twice: that is how the released settings are used."""
        return once_shifted(highest)


def shift_sigma(sigma: np.ndarray) -> np.ndarray:
    """s' = 3 s / (1 + 2 s)."""
    return SHIFT * sigma / (1.0 + (SHIFT - 1.0) * sigma)


def once_shifted(sigma: float) -> float:
    """The sigma that audio-to-audio mixes its reference at."""
    return SHIFT * sigma / (1.0 + (SHIFT - 1.0) * sigma)


def get_sigmas(number_of_steps: int, highest: float = 1.0, oss_steps: Sequence[int] = ()) -> np.ndarray:
    """The noise levels of a run, descending, without the final 0: float32 (N,).

    Shifted twice (with `oss_steps`, which picks from the schedule of max(oss_steps) steps, three times): that is how
    the released settings were chosen.
    """
    if oss_steps:
        picked = get_sigmas(max(oss_steps), highest)[np.asarray(oss_steps) - 1]
        return shift_sigma(picked.astype(np.float32))
    sigma_max = once_shifted(highest)
    sigma_min = once_shifted(1 / TRAIN_TIMESTEPS)
    timesteps = np.linspace(sigma_max * TRAIN_TIMESTEPS, sigma_min * TRAIN_TIMESTEPS, number_of_steps)
    return shift_sigma(timesteps / TRAIN_TIMESTEPS).astype(np.float32)

"""Noise levels of the sampler: the twice-shifted schedule that the released weights are used with.

sigma is in [0, 1], a timestep is 1000 sigma. Knows no network and no latents. Source: the flow-matching schedule of
Stable Diffusion 3 (arXiv 2403.03206, section 3.1, time shift), applied as ACE-Step v1 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHIFT = 3.0
TRAIN_TIMESTEPS = 1000
HIGHEST_SIGMA = 1.0


@dataclass(frozen=True)
class Stage:
    """One evaluation of the model.

    The state before it is at `state_sigma`; the model is evaluated at `sigma`; the state after it is at `next_sigma`.
    `index` is the evaluation's number in the whole schedule, `step` the number of its noise level. `corrects` marks
    Heun's second evaluation, which ends where the first did.
    """

    index: int
    step: int
    sigma: float
    next_sigma: float
    corrects: bool = False

    @property
    def timestep(self) -> float:
        """What the network is told: 1000 sigma."""
        return float(np.float32(self.sigma) * np.float32(TRAIN_TIMESTEPS))


def shift_sigma(sigma: np.ndarray) -> np.ndarray:
    """s' = 3 s / (1 + 2 s)."""
    return SHIFT * sigma / (1.0 + (SHIFT - 1.0) * sigma)


def once_shifted(sigma: float) -> float:
    """The sigma that audio-to-audio mixes its reference at."""
    return SHIFT * sigma / (1.0 + (SHIFT - 1.0) * sigma)


def get_sigmas(number_of_steps: int, highest: float = HIGHEST_SIGMA, oss_steps: Sequence[int] = ()) -> np.ndarray:
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


def get_schedule(sigmas: np.ndarray, heun: bool = False) -> tuple[Stage, ...]:
    """The evaluations that walk down `sigmas` and on to 0.

    One for each sigma; with `heun` two for each but the last, whose step to 0 is of first order.
    """
    levels = [float(s) for s in sigmas]
    stages: list[Stage] = []
    for step, (sigma, next_sigma) in enumerate(zip(levels, [*levels[1:], 0.0], strict=True)):
        stages.append(Stage(len(stages), step, sigma, next_sigma))
        if heun and step + 1 < len(levels):
            stages.append(Stage(len(stages), step + 1, next_sigma, next_sigma, corrects=True))
    return tuple(stages)

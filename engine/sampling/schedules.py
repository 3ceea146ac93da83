"""The evaluations that walk down a family's noise levels (`engine.sampling.conditions.NoiseLevels`) to 0.

sigma is in [0, 1], a timestep is 1000 sigma. Knows no network and no latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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

"""The schedulers: one row each, which is all that the rest of the program knows of them.

A new one is a stepper (`engine.sampling.steppers`), a row here, and its name in the request's field `scheduler`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.sampling.noise import NoiseSource
from engine.sampling.schedules import Stage, get_schedule
from engine.sampling.steppers import EulerStepper, HeunStepper, PingPongStepper, Stepper


@dataclass(frozen=True)
class Scheduler:
    """`stages` are the evaluations that walk down noise levels, `stepper` makes what moves the state, of a source of
    noise and the granularity factor. `takes_chosen_steps`: whether `oss_steps` has a meaning. `for_differences`: the
    scheduler that walks the difference of two velocities in its place; None: itself.
    """

    name: str
    stages: Callable[[np.ndarray], tuple[Stage, ...]]
    stepper: Callable[[NoiseSource, float], Stepper]
    takes_chosen_steps: bool = True
    for_differences: str | None = None


SCHEDULERS = {
    row.name: row
    for row in (
        Scheduler("euler", get_schedule, lambda _, factor: EulerStepper(factor)),
        Scheduler(
            "heun", partial(get_schedule, heun=True), lambda _, factor: HeunStepper(factor), takes_chosen_steps=False
        ),
        Scheduler("pingpong", get_schedule, lambda noise, _: PingPongStepper(noise), for_differences="euler"),
    )
}


def make_stepper(scheduler: str, noise: NoiseSource, factor: float = 1.0) -> Stepper:
    """The stepper of the scheduler of this name."""
    return SCHEDULERS[scheduler].stepper(noise, factor)

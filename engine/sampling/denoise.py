"""The one loop that turns noise into latents. Tasks differ by the plan that they hand in, never by a branch in here.

Knows plans, progress and cancellation; knows no request, no audio and no network. Nothing in the loop waits for the
device. State and noise are (B, C, H, T) float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.errors import Cancelled
from engine.sampling.schedules import Stage
from engine.sampling.steppers import Stepper


@dataclass(frozen=True)
class Progress:
    """Where a render is: `stage` is load, encode, denoise, decode or seam; `step` of `steps` are done in it."""

    stage: str
    step: int
    steps: int


class Cancel(Protocol):
    """Anything like a threading.Event."""

    def is_set(self) -> bool:
        """Whether the caller wants the render to stop."""
        ...


OnStep = Callable[[Progress], None]


class Velocity(Protocol):
    """What the state moves along."""

    def prepare(self, stages: Sequence[Stage]) -> None:
        """Make what depends on the stages alone, before the first of them."""
        ...

    def at(self, state: Tensor, stage: Stage) -> Tensor:
        """The velocity at `stage`."""
        ...


@dataclass(frozen=True)
class Kept:
    """What stays as it is: where `made` (1, 1, 1, T) is False, the state is `source` at the level of `noise`."""

    made: Tensor
    source: Tensor
    noise: Tensor

    def restore(self, state: Tensor, sigma: float) -> Tensor:
        """The state with what is kept put back, noised to `sigma`."""
        return torch.where(self.made, state, noised(self.source, self.noise, sigma))


@dataclass(frozen=True)
class Leg:
    """Stages that share a velocity and a stepper; `enter` changes the state before the first."""

    stages: tuple[Stage, ...]
    velocity: Velocity
    stepper: Stepper
    enter: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Plan:
    """A run: where it starts, the legs it walks, and what is kept on the way."""

    start: Tensor
    legs: tuple[Leg, ...]
    kept: Kept | None = None

    @property
    def evaluations(self) -> int:
        """Stages in all."""
        return sum(len(leg.stages) for leg in self.legs)


def noised(clean: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """(1 - sigma) clean + sigma noise."""
    return (1.0 - sigma) * clean + sigma * noise


def check_cancel(cancel: Cancel | None) -> None:
    """Raise `Cancelled` where the caller asked for it."""
    if cancel is not None and cancel.is_set():
        raise Cancelled("The render was cancelled.")


def denoise(
    plan: Plan, on_step: OnStep | None = None, cancel: Cancel | None = None, pace: Callable[[], None] = lambda: None
) -> Tensor:
    """Walk the plan and return the last state, (B, C, H, T) float32. Raises `Cancelled` within one evaluation.

    `pace` is called before each evaluation; it may wait where a device has fallen far behind its orders.
    """
    state, done, total = plan.start, 0, plan.evaluations
    for leg in plan.legs:
        leg.velocity.prepare(leg.stages)
        if leg.enter is not None:
            state = leg.enter(state)
        for stage in leg.stages:
            check_cancel(cancel)
            pace()
            velocity = leg.velocity.at(state, stage)
            state = leg.stepper.step(state, velocity, stage)
            if plan.kept is not None:
                state = plan.kept.restore(state, stage.next_sigma)
            done += 1
            if on_step is not None:
                on_step(Progress("denoise", done, total))
    return state

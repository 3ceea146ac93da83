"""How the state moves for one evaluation of the model: Euler, Heun and ping-pong. Every item moves on its own.

State, velocity and noise are (B, C, H, T) float32. Knows no network, no guidance and no task.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from engine.sampling.noise import NoiseSource, to_device
from engine.sampling.schedules import Stage


def granularity_factor(granularity_scale: float) -> float:
    """0.9 + 0.2 / (1 + exp(-0.1 g)): 1 at 0, 1.0462 at 10."""
    return 0.9 + 0.2 / (1.0 + math.exp(-0.1 * granularity_scale))


class Stepper(Protocol):
    """Moves the state from one noise level to the next."""

    def step(self, state: Tensor, velocity: Tensor, stage: Stage) -> Tensor:
        """The state at `stage.next_sigma`."""
        ...


def scaled_move(state: Tensor, change: Tensor, factor: float) -> Tensor:
    """Add `change`, its deviation from each item's mean multiplied by `factor`."""
    if factor == 1.0:
        return state + change
    mean = change.mean(dim=(1, 2, 3), keepdim=True)
    return state + (change - mean) * factor + mean


@dataclass
class EulerStepper:
    """First order: x + (sigma' - sigma) v, scaled by the granularity factor."""

    factor: float = 1.0

    def step(self, state: Tensor, velocity: Tensor, stage: Stage) -> Tensor:
        """The state at `stage.next_sigma`."""
        return scaled_move(state, (stage.next_sigma - stage.sigma) * velocity, self.factor)


@dataclass
class HeunStepper:
    """Second order: the second evaluation of a step averages the two velocities and starts from the first's state."""

    factor: float = 1.0
    _state: Tensor | None = None
    _velocity: Tensor | None = None
    _length: float = 0.0

    def step(self, state: Tensor, velocity: Tensor, stage: Stage) -> Tensor:
        """The state at `stage.next_sigma`."""
        if stage.corrects and self._state is not None and self._velocity is not None:
            change = self._length * 0.5 * (self._velocity + velocity)
            moved = scaled_move(self._state, change, self.factor)
            self._state = self._velocity = None
            return moved
        self._state, self._velocity = state, velocity
        self._length = stage.next_sigma - stage.sigma
        return scaled_move(state, self._length * velocity, self.factor)


@dataclass
class PingPongStepper:
    """Denoise fully, then add fresh noise down to the next level: (1 - sigma') (x - sigma v) + sigma' noise."""

    noise: NoiseSource

    def step(self, state: Tensor, velocity: Tensor, stage: Stage) -> Tensor:
        """The state at `stage.next_sigma`. Draws noise in the last step too, so that draws count as steps."""
        clean = state - stage.sigma * velocity
        noise = to_device(self.noise.draw(state.shape[-1]), state.device)
        return (1.0 - stage.next_sigma) * clean + stage.next_sigma * noise

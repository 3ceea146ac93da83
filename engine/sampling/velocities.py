"""The two ways to get a velocity: guidance between conditions, and the difference between two prompts (flow-edit).

Source of the second: FlowEdit, arXiv 2412.08629. Knows no schedule and no audio.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.sampling.conditions import Predictor
from engine.sampling.denoise import noised
from engine.sampling.guidance import Guide, Pass
from engine.sampling.noise import NoiseSource, to_device
from engine.sampling.schedules import Stage


def by_evaluation(stage: Stage) -> int:
    """Count guidance by evaluations: the reference's way, in which Heun's interval lies early."""
    return stage.index


def by_step(stage: Stage) -> int:
    """Count guidance by noise levels."""
    return stage.step


@dataclass
class GuidedVelocity:
    """One prediction guided away from others. `names` maps a pass to the predictor's context of it."""

    predictor: Predictor
    guide: Guide
    names: dict[Pass, Hashable]
    counts_steps: bool = False

    def prepare(self, stages: Sequence[Stage]) -> None:
        """Make tables for the stages to come."""
        self.predictor.prepare([stage.timestep for stage in stages])

    def at(self, state: Tensor, stage: Stage) -> Tensor:
        """The guided velocity, (B, C, H, T)."""
        index = by_step(stage) if self.counts_steps else by_evaluation(stage)
        passes = self.guide.passes(index)
        predicted = self.predictor.predict({self.names[p]: state for p in passes}, stage.timestep)
        return self.guide.combine({p: predicted[self.names[p]] for p in passes}, index)


@dataclass
class Side:
    """One prompt of flow-edit: its contexts' names and its guidance."""

    guide: Guide
    names: dict[Pass, Hashable]


@dataclass
class EditVelocity:
    """V_target(z + zs - source) - V_source(zs), averaged over `draws` noises; zs is the source noised to sigma."""

    predictor: Predictor
    source_latents: Tensor
    source: Side
    target: Side
    noise: NoiseSource
    draws: int = 1

    def prepare(self, stages: Sequence[Stage]) -> None:
        """Make tables for the stages to come."""
        self.predictor.prepare([stage.timestep for stage in stages])

    def at(self, state: Tensor, stage: Stage) -> Tensor:
        """The difference of the two prompts' velocities, (B, C, H, T)."""
        total = self._difference(state, stage)
        for _ in range(self.draws - 1):
            total = total + self._difference(state, stage)
        return total / self.draws

    def _difference(self, state: Tensor, stage: Stage) -> Tensor:
        noise = to_device(self.noise.draw(state.shape[-1]), state.device)
        from_source = noised(self.source_latents, noise, stage.sigma)
        from_target = state + from_source - self.source_latents
        states: dict[Hashable, Tensor] = {}
        for side, at in ((self.source, from_source), (self.target, from_target)):
            states |= {side.names[p]: at for p in side.guide.passes(stage.step)}
        predicted = self.predictor.predict(states, stage.timestep)
        return self._guided(self.target, predicted, stage) - self._guided(self.source, predicted, stage)

    @staticmethod
    def _guided(side: Side, predicted: dict[Hashable, Tensor], stage: Stage) -> Tensor:
        passes = side.guide.passes(stage.step)
        return side.guide.combine({p: predicted[side.names[p]] for p in passes}, stage.step)

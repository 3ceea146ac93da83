"""Text-to-audio: from pure noise down the whole schedule. Knows plans; knows no audio."""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor

from engine.requests import TextToAudio
from engine.sampling.conditions import Condition, Known
from engine.sampling.denoise import Leg, Plan
from engine.sampling.guidance import Guide, Pass
from engine.sampling.schedulers import make_stepper
from engine.sampling.velocities import GuidedVelocity
from engine.tasks.inputs import Inputs
from engine.tasks.task import Task

NAMES: dict[Pass, Hashable] = {which: which for which in Pass}


def prepare(inputs: Inputs) -> Plan:
    """The plan of text-to-audio."""
    return from_noise(inputs, inputs.first_noise())


def from_noise(inputs: Inputs, noise: Tensor, known: Known | None = None) -> Plan:
    """A whole run from `noise`, (B, C, H, T); `known` is what a model that looks at the source sees of it."""
    settings = inputs.settings
    leg = Leg(
        settings.schedule(inputs.model.levels),
        guided_velocity(inputs, settings.levels, known=known),
        make_stepper(settings.scheduler, inputs.noise, settings.factor),
    )
    return Plan(noise, (leg,))


def guided_velocity(
    inputs: Inputs, interval_steps: int, counts_steps: bool = False, known: Known | None = None
) -> GuidedVelocity:
    """The velocity of a guided run whose guidance interval is counted in `interval_steps`.

    `known` is what a model that looks at the source sees of it.
    """
    settings = inputs.settings
    guide = Guide(settings.guidance, interval_steps, lyrics_matter=inputs.words.sung)
    return guided_by(guide, inputs, known, counts_steps)


def guided_by(
    guide: Guide, inputs: Inputs, known: Known | None = None, counts_steps: bool = False, without_source: bool = False
) -> GuidedVelocity:
    """`guided_velocity` with a guide that other legs may share; `without_source`: see `Condition`."""
    conditions: dict[Hashable, Condition] = {
        which: Condition(inputs.words, which, without_source=without_source) for which in _passes(inputs)
    }
    predictor = inputs.model.predictor(conditions, inputs.settings.erg, known)
    return GuidedVelocity(predictor, guide, dict(NAMES), counts_steps)


def _passes(inputs: Inputs) -> list[Pass]:
    """The conditions that this guidance can ask for; an unguided run needs the first only."""
    guidance = inputs.settings.guidance
    if not guidance.is_on:
        return [Pass.CONDITIONAL]
    both = [Pass.CONDITIONAL, Pass.UNCONDITIONAL]
    return [*both, Pass.TEXT_ONLY] if guidance.double and inputs.words.sung else both


TASK = Task(TextToAudio, lambda inputs, _: prepare(inputs))

"""Text-to-audio: from pure noise down the whole schedule. Knows plans; knows no audio."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.conditioning import Conditioner, ErgSettings, Words, wanted_context
from engine.sampling.denoise import Leg, Plan
from engine.sampling.guidance import GuidanceSettings, Guide, Pass
from engine.sampling.noise import NoiseSource, to_device
from engine.sampling.predictor import Predictor
from engine.sampling.steppers import make_stepper
from engine.sampling.velocities import GuidedVelocity
from engine.tasks.settings import Settings

NAMES = {which: which for which in Pass}


@dataclass(frozen=True)
class Inputs:
    """What the tasks share: settings, words, the two noises, the device of the state."""

    settings: Settings
    words: Words
    conditioner: Conditioner
    noise: NoiseSource
    retake_noise: NoiseSource
    device: torch.device

    def first_noise(self) -> Tensor:
        """The first draw of the noise, on the device."""
        return to_device(self.noise.draw(), self.device)

    def first_retake_noise(self, frames: int | None = None) -> Tensor:
        """The first draw of the retake noise, on the device."""
        return to_device(self.retake_noise.draw(frames), self.device)


def prepare(inputs: Inputs) -> Plan:
    """The plan of text-to-audio."""
    return from_noise(inputs, inputs.first_noise())


def from_noise(inputs: Inputs, noise: Tensor) -> Plan:
    """A whole run from `noise`, (B, 8, 16, T)."""
    settings = inputs.settings
    leg = Leg(
        settings.schedule(),
        guided_velocity(inputs, settings.levels),
        make_stepper(settings.scheduler, inputs.noise, settings.factor),
    )
    return Plan(noise, (leg,))


def guided_velocity(
    inputs: Inputs, interval_steps: int, counts_steps: bool = False, known: Tensor | None = None
) -> GuidedVelocity:
    """The velocity of a guided run whose guidance interval is counted in `interval_steps`.

    `known` is what a model with `region_input` sees of the source.
    """
    settings, words = inputs.settings, inputs.words
    guide = Guide(settings.guidance, interval_steps, lyrics_matter=any(words.lyric_ids))
    predictor = make_predictor(inputs.conditioner, words, settings.guidance, settings.erg, known)
    return GuidedVelocity(predictor, guide, dict(NAMES), counts_steps)


def make_predictor(
    conditioner: Conditioner,
    words: Words,
    guidance: GuidanceSettings,
    erg: ErgSettings,
    known: Tensor | None = None,
) -> Predictor:
    """A predictor with the contexts that this guidance can ask for; unguided runs encode the first only."""
    passes = [Pass.CONDITIONAL]
    if guidance.is_on:
        passes.append(Pass.UNCONDITIONAL)
        if guidance.double and any(words.lyric_ids):
            passes.append(Pass.TEXT_ONLY)
    made = conditioner.contexts(wanted_context(words, p, erg) for p in passes)
    contexts = dict(zip(passes, made, strict=True))
    weakened = [Pass.UNCONDITIONAL] if erg.diffusion else []
    return Predictor(conditioner.transformer, contexts, weakened, conditioner.evaluate, known)

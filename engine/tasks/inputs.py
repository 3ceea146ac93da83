"""What every task makes its plan from. Knows no request and no audio."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.conditions import VelocityModel, Words
from engine.sampling.noise import NoiseSource, to_device
from engine.tasks.settings import Settings


@dataclass(frozen=True)
class Inputs:
    """What the tasks share: settings, words, the model, the two noises, the device of the state."""

    settings: Settings
    words: Words
    model: VelocityModel
    noise: NoiseSource
    retake_noise: NoiseSource
    device: torch.device

    def first_noise(self) -> Tensor:
        """The first draw of the noise, on the device."""
        return to_device(self.noise.draw(), self.device)

    def first_retake_noise(self, frames: int | None = None) -> Tensor:
        """The first draw of the retake noise, on the device."""
        return to_device(self.retake_noise.draw(frames), self.device)

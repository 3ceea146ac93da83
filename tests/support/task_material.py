"""What the tests of tasks share: a source, words, and plans on the tiny checkpoint."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.families.v1.conditioner import Conditioner, Words
from engine.families.v1.family import draw_noise
from engine.sampling.denoise import Plan, denoise
from engine.sampling.noise import SeededNoise
from engine.tasks.inputs import Inputs
from engine.tasks.settings import Settings
from tests.support.golden_runs import RUNS, networks, tensors

WORDS = Words("pop, piano, 120 bpm", (261, 259, 468, 91, 2))
SOURCE = tensors()[RUNS["repaint_heun"]["src_latents"][0]]  # (1, 8, 16, 33)
FRAMES = SOURCE.shape[-1]
CONDITIONER = Conditioner(networks().transformer, networks().text_encoder)


def inputs(settings: Settings, seeds: tuple[int, ...] = (42,), frames: int = FRAMES, words: Words = WORDS) -> Inputs:
    retakes = tuple(s + 1000 for s in seeds)
    noises = SeededNoise(seeds, frames, draw_noise), SeededNoise(retakes, frames, draw_noise)
    return Inputs(settings, words, CONDITIONER, *noises, torch.device("cpu"))


def small(**changes: object) -> Settings:
    return replace(Settings(number_of_steps=4), **changes)


def finished(plan: Plan) -> Tensor:
    with torch.inference_mode():
        return denoise(plan)


def mask(start: int, end: int, frames: int = FRAMES) -> Tensor:
    made = torch.zeros(frames, dtype=torch.bool)
    made[start:end] = True
    return made

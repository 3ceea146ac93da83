"""Sampler, tasks and windows with latents that are not v1's: 64 x 1 at 25 Hz, 48 kHz, one shift of the noise levels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.window import plan_window
from engine.geometry import Geometry
from engine.sampling.conditions import NO_ERG, Condition, ErgSettings, Known
from engine.sampling.denoise import denoise
from engine.sampling.noise import SeededNoise
from engine.tasks import audio_to_audio, inpaint, outpaint, retake, text_to_audio
from engine.tasks.inputs import Inputs
from engine.tasks.settings import EditRange, Settings

OTHER = Geometry(sample_rate=48000, samples_per_frame=1920, latent_shape=(64, 1), max_seconds=600.0)
FRAMES = 30


@dataclass(frozen=True)
class Caption:
    """Words of a family that reads text."""

    text: str

    @property
    def sung(self) -> bool:
        return False


class ShiftedOnce:
    """Levels of a family that shifts once."""

    def sigmas(self, number_of_steps: int, highest: float = 1.0, oss_steps: Sequence[int] = ()) -> np.ndarray:
        t = np.linspace(highest, 0.0, number_of_steps + 1)[:-1]
        return (3 * t / (1 + 2 * t)).astype(np.float32)

    def start(self, highest: float) -> float:
        return 3 * highest / (1 + 2 * highest)


@dataclass
class Towards:
    """Velocities that lead from noise to a state of one number for each condition: x0 = v's target."""

    targets: dict[Hashable, float]

    def prepare(self, timesteps: Sequence[float]) -> None:
        assert all(0 < t <= 1000 for t in timesteps)

    def predict(self, states: Mapping[Hashable, Tensor], timestep: float) -> dict[Hashable, Tensor]:
        sigma = timestep / 1000
        return {name: (state - self.targets[name]) / sigma for name, state in states.items()}


@dataclass
class AnotherModel:
    """A velocity model of 64 x 1 latents whose music is a constant that its words say."""

    levels: ShiftedOnce = field(default_factory=ShiftedOnce)
    remixes_by_cover: bool = False
    known: list[Known | None] = field(default_factory=list)

    def predictor(
        self, conditions: Mapping[Hashable, Condition], erg: ErgSettings = NO_ERG, known: Known | None = None
    ) -> Towards:
        self.known.append(known)
        return Towards({name: float(c.words.text) for name, c in conditions.items()})  # type: ignore[attr-defined]


def draw_noise(generator: torch.Generator, frames: int) -> Tensor:
    """Frames first, as that family's reference draws."""
    return torch.randn((1, frames, 64), generator=generator).transpose(1, 2)[:, :, None]


def inputs(words: str = "0.5", frames: int = FRAMES, **settings: Any) -> Inputs:
    noises = (SeededNoise([1, 2], frames, draw_noise), SeededNoise([3, 4], frames, draw_noise))
    unguided = replace(Settings().guidance, kind="cfg", scale=1.0)
    chosen = Settings(**{"number_of_steps": 6, "guidance": unguided, "granularity_scale": 0.0, **settings})
    return Inputs(chosen, Caption(words), AnotherModel(), *noises, torch.device("cpu"))


@pytest.mark.parametrize("scheduler", ["euler", "heun", "pingpong"])
def test_every_scheduler_walks_to_what_the_model_means(scheduler: str) -> None:
    made = denoise(text_to_audio.prepare(inputs(scheduler=scheduler)))
    assert made.shape == (2, 64, 1, FRAMES)
    torch.testing.assert_close(made, torch.full_like(made, 0.5), atol=1e-4, rtol=0)


def test_retake_and_reference_and_edit_keep_the_shape() -> None:
    source = torch.full((1, 64, 1, FRAMES), 0.1)
    assert denoise(retake.prepare(inputs(variance=0.3))).shape == (2, 64, 1, FRAMES)
    near = denoise(audio_to_audio.prepare_reference(inputs(strength=0.5), source))
    torch.testing.assert_close(near, torch.full_like(near, 0.5), atol=1e-4, rtol=0)
    original = audio_to_audio.Original(source, Caption("0.1"))
    edited = denoise(audio_to_audio.prepare_edit(inputs(edit=EditRange(0.0, 1.0)), original))
    torch.testing.assert_close(edited, torch.full_like(edited, 0.5), atol=1e-4, rtol=0)


def test_inpaint_makes_the_masked_frames_and_shows_the_source_to_the_model() -> None:
    source, mask = torch.full((1, 64, 1, FRAMES), 0.1), torch.zeros(FRAMES, dtype=torch.bool)
    mask[10:20] = True
    given = inputs(variance=1.0)
    made = denoise(inpaint.prepare(given, inpaint.Region(source, mask)))
    assert torch.equal(made[..., ~mask], source.expand_as(made)[..., ~mask])
    torch.testing.assert_close(made[..., mask], torch.full_like(made[..., mask], 0.5), atol=1e-4, rtol=0)
    (known,) = given.model.known  # type: ignore[attr-defined]
    assert torch.equal(known.made.flatten(), mask) and known.source.shape == made.shape


def test_outpaint_adds_frames_on_both_sides() -> None:
    mask = torch.ones(FRAMES + 7, dtype=torch.bool)
    mask[3 : 3 + FRAMES] = False
    extension = outpaint.Extension(torch.full((1, 64, 1, FRAMES), 0.1), 3, 4, mask)
    made = denoise(outpaint.prepare(inputs(variance=1.0), extension))
    assert made.shape == (2, 64, 1, FRAMES + 7) and torch.allclose(made[..., 3:-4], torch.tensor(0.1))


def test_windows_count_its_frames_and_its_longest_piece() -> None:
    window = plan_window(48000 * 60, 48000, 20.0, 30.0, 5.0, 0.0, OTHER)
    assert (window.frames, window.masks) == (20 * 25, ((5 * 25, 15 * 25),))
    long = plan_window(48000 * 900, 48000, 10.0, 510.0, 10.0, 0.03, OTHER)
    assert long.frames == 520 * 25
    (after,) = plan_outpaint(48000 * 60, 48000, Extension(0.0, 300.0), None, 0.03, OTHER)
    assert after.frames == 360 * 25 and after.frames_known == 60 * 25

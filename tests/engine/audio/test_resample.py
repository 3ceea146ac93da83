"""Resampling: the reference's own numbers into the model, exact lengths and clean tones out of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from engine.audio.buffer import Audio
from engine.audio.resample import resample
from engine.audio.resample_for_model import resample_for_model
from tests.support.examples import examples
from tests.support.paths import GOLDEN

GOLDEN = GOLDEN / "dcae.safetensors"


@pytest.mark.parametrize("rates", [(44100, 48000), (48000, 44100)])
def test_model_resampler_equals_the_reference(rates: tuple[int, int]) -> None:
    golden = load_file(GOLDEN)
    wanted = golden[f"resample.{rates[0]}_{rates[1]}"]
    got = resample_for_model(golden["resample.in"], *rates)
    assert got.shape == wanted.shape
    assert ((got - wanted).norm() / wanted.norm()).item() < 1e-5


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 88200, 96000, 192000])
def test_any_rate_into_the_model(rate: int) -> None:
    n = rate // 4 + 13
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(n, dtype=torch.float64) / rate).float()
    got = resample_for_model(tone.expand(2, -1), rate, 44100)
    assert got.shape == (2, -(-n * 44100 // rate)) and got.dtype == torch.float32
    wanted = torch.sin(2 * torch.pi * 440 * torch.arange(got.shape[1], dtype=torch.float64) / 44100)
    assert (got[0, 500:-500] - wanted[500:-500]).abs().max() < 2e-3


@examples(30)
@given(st.integers(1, 30000), st.sampled_from([(44100, 48000), (48000, 44100), (44100, 96000), (44100, 22050)]))
def test_lengths_are_exact(n: int, rates: tuple[int, int]) -> None:
    audio = Audio(np.ones((2, n), np.float32) * 0.1, rates[0])
    made = resample(audio, rates[1])
    assert made.samples.shape == (2, -(-n * rates[1] // rates[0])) and made.sample_rate == rates[1]
    assert resample(audio, rates[1], 777).frames == 777
    assert resample(audio, rates[0]).samples is audio.samples


def test_a_tone_keeps_its_shape() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100).astype(np.float32)[None]
    got = resample(Audio(tone, 44100), 48000).samples[0, 2000:-2000]
    wanted = np.sin(2 * np.pi * 1000 * np.arange(2000, 46000) / 48000)
    assert 20 * np.log10(np.sqrt(np.mean((got - wanted) ** 2)) / 0.7) < -120

"""Renders with effects: they change what was made and nothing else, before it is joined."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.errors import InvalidRequest
from tests.support.paths import TINY

HALF = {"name": "Gain", "parameters": {"gain_db": float(20 * np.log10(0.5))}}
LOUD = {"name": "Gain", "parameters": {"gain_db": 60.0}}


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return engine.load(str(TINY), device="cpu")


def test_a_piece_goes_through_its_effects_and_may_ring_on(model: engine.Model) -> None:
    asked = {"tags": "house", "duration": 0.4, "seed": 3, "number_of_steps": 2}
    plain = model.render(engine.TextToAudio(**asked)).audio
    half = model.render(engine.TextToAudio(**asked, effects=[HALF]))
    assert half.audio == pytest.approx(plain * 0.5, abs=1e-6) and "effects" in half.timings
    assert half.report["recipe"]["request"]["effects"] == [HALF]
    loud = model.render(engine.TextToAudio(**asked, effects=[LOUD, {"name": "Delay"}], effects_tail=True))
    assert loud.audio.shape[1] > plain.shape[1]
    assert any("over full scale" in warning for warning in loud.report["warnings"])


def test_outside_of_a_region_effects_change_nothing(model: engine.Model) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 48000)).astype(np.float32)
    asked = {"tags": "house", "start_time": 0.4, "end_time": 0.7, "seed": 3, "number_of_steps": 2, "variance": 1.0}
    asked |= {"audio": engine.Audio(noise, 48000), "match_loudness": False, "pin_joints": True, "context_seconds": 0.3}
    plain = model.render(engine.Inpaint(**asked))
    half = model.render(engine.Inpaint(**asked, effects=[HALF]))
    assert half.report["seam_report"]["samples_changed_outside"] == 0
    (first, last), inner = half.report["changed"][0], slice(round(0.4 * 48000), round(0.7 * 48000))
    assert np.array_equal(half.audio[:, :first], noise[:, :first]) and np.array_equal(
        half.audio[:, last:], noise[:, last:]
    )
    assert half.audio[:, inner] == pytest.approx(plain.audio[:, inner] * 0.5, abs=1e-6)


def test_an_effect_that_cannot_be_is_said_before_the_work(model: engine.Model) -> None:
    steps: list[str] = []
    request = engine.TextToAudio(
        tags="house", duration=0.4, effects=[{"name": "Compressor", "parameters": {"ratio": 0}}]
    )
    with pytest.raises(InvalidRequest, match=r"effects\[0\]"):
        model.render(request, lambda progress: steps.append(progress.stage))
    assert "denoise" not in steps

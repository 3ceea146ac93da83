"""Tempo and beat phase of synthesised beats whose tempo is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.tempo import Beat, estimate_beat, phase_error_seconds
from tests.support.examples import examples

RATE = 22050


def _clicks(bpm: float, first: float, seconds: float = 10.0, rate: int = RATE) -> np.ndarray:
    """Noise bursts at first + k * 60 / bpm: (1, n)."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 1e-4, (1, int(seconds * rate)))
    burst = rng.normal(size=rate // 20) * np.exp(-np.arange(rate // 20) / rate * 150) * 0.5
    for time in np.arange(first, seconds - 0.06, 60 / bpm):
        start = round(time * rate)
        audio[0, start : start + burst.size] += burst
    return audio


def _wrapped(difference: float, period: float) -> float:
    return (difference + period / 2) % period - period / 2


@examples(20)
@given(st.floats(60, 180), st.floats(0, 1))
def test_tempo_and_phase_of_clicks(bpm: float, phase: float) -> None:
    period = 60 / bpm
    beat = estimate_beat(_clicks(bpm, phase * period), RATE)
    assert beat.found and beat.bpm == pytest.approx(bpm, rel=0.004)
    known = estimate_beat(_clicks(bpm, phase * period), RATE, bpm)
    assert abs(_wrapped(known.first_beat_seconds - phase * period, period)) < 0.006


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000])
def test_any_rate(rate: int) -> None:
    beat = estimate_beat(_clicks(124, 0.2, 8, rate), rate)
    assert beat.bpm == pytest.approx(124, rel=0.003)
    assert abs(_wrapped(beat.first_beat_seconds - 0.2, beat.period_seconds)) < 0.006


def test_no_beat_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(RATE * 10) / RATE
    for audio in (rng.normal(0, 0.1, t.size), np.sin(2 * np.pi * 220 * t), np.zeros(t.size), np.zeros(9)):
        assert not estimate_beat(audio[None], RATE).found


def test_phase_error_is_late_or_early_within_half_a_period() -> None:
    grid = Beat(120, 0.1, 1)
    assert phase_error_seconds(grid, Beat(120, 0.1, 1), 4.0) == pytest.approx(0)
    assert phase_error_seconds(grid, Beat(120, 0.15, 1), 4.0) == pytest.approx(0.05)
    assert phase_error_seconds(grid, Beat(120, 0.05, 1), 4.0) == pytest.approx(-0.05)
    assert phase_error_seconds(grid, Beat(120, 0.0, 1), 4.3) == pytest.approx(0.2)

"""What the beat network hears, that numpy and torch agree on it, and the steady grid that is likeliest to it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.beat_frames import BANDS, FRAMES_A_SECOND, beat_frames
from engine.audio.beat_network import WEIGHTS, beat_log_odds, weights
from engine.audio.onsets import Onsets
from engine.audio.pulse import find_pulse
from engine.audio.steady_grid import BeatOdds, best_grid, confidence, phase_odds
from engine.training.beats.network import BeatNetwork, save
from tests.support.beat_corpus import RATE, Piece, piece_with_beat, piece_without
from tests.support.beat_judge import GAP, judge
from tests.support.paths import ROOT


def _noise(seconds: float, rate: int) -> np.ndarray:
    """Noise of the same spectrum at any rate: float32 (2, n)."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(0)
    tones = [np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in np.geomspace(40, 9000, 24)]
    return np.tile(np.sum(tones, axis=0) * (1 + np.sin(2 * np.pi * 2 * t)) * 0.02, (2, 1)).astype(np.float32)


def test_frames_know_neither_level_nor_rate() -> None:
    heard = beat_frames(_noise(1, 44100), 44100)
    assert heard.shape == (FRAMES_A_SECOND, BANDS) and heard.dtype == np.float32
    assert np.abs(beat_frames(0.01 * _noise(1, 44100), 44100) - heard).max() < 1e-3
    for rate in (22050, 48000):
        assert np.abs(beat_frames(_noise(1, rate), rate) - heard).mean() < 0.3
    assert beat_frames(np.zeros((1, 4410), np.float32), 44100).max() == 0


def test_numpy_and_torch_hear_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = BeatNetwork(channels=6, layers=3).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    save(network, tmp_path / "network.npz")
    frames = np.random.default_rng(0).normal(2, 1, (90, BANDS)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(frames)[None])[0, :, 0].numpy()
    assert beat_log_odds(frames, weights(tmp_path / "network.npz")) == pytest.approx(expected, abs=1e-4)


def test_the_weights_are_small_hold_no_pickle_and_are_packaged() -> None:
    assert WEIGHTS.stat().st_size <= 200_000
    assert all(np.isfinite(array).all() for array in weights().values())
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["engine"]
    packaged = {path for pattern in data for path in (ROOT / "engine").glob(pattern)}
    assert {WEIGHTS, WEIGHTS.with_name("BEAT_NETWORK.md")} <= packaged


def test_the_shipped_weights_hear_beats_and_no_others() -> None:
    """Drums whose hats are struck between the beats as well."""
    piece = piece_with_beat("backbeat", 104, seed=7)
    odds = BeatOdds.of(piece.audio, RATE)
    times = np.arange(odds.log_odds.size) / FRAMES_A_SECOND
    beats = piece.beats[(piece.beats > 2) & (piece.beats < times[-1] - 2)]
    off = np.diff(beats) / 2 + beats[:-1]
    on_beats = [odds.log_odds[np.abs(times - beat) < 0.04].max() for beat in beats]
    between = [odds.log_odds[np.abs(times - moment) < 0.04].max() for moment in off]
    assert np.median(on_beats) > 0 and np.median(between) < -2, (np.median(on_beats), np.median(between))


def _odds(beats: np.ndarray, start: float, seconds: float) -> BeatOdds:
    times = start + np.arange(round(seconds * FRAMES_A_SECOND)) / FRAMES_A_SECOND
    near = np.abs(times[:, None] - beats[None]).min(axis=1)
    return BeatOdds(np.where(near < 0.015, 2.0, -5.0), start)


@pytest.mark.parametrize("bpm", [63, 118, 191])
def test_the_grid_lies_on_the_beats_of_both_sides(bpm: float) -> None:
    beats = np.arange(0.21, 24, 60 / bpm)
    sides = [_odds(beats, 0.0, 9.0), _odds(beats, 14.0, 9.0)]
    grid = best_grid(sides)
    assert 60 / grid.period_seconds == pytest.approx(bpm, rel=0.004)
    late = (grid.beat_seconds - beats[0]) / grid.period_seconds
    assert abs(late - round(late)) * grid.period_seconds < 0.03
    assert confidence(sides, grid) > 0.5
    phases = phase_odds(sides, grid.period_seconds, 96)
    off = (phases.argmax() / 96 - beats[0] / grid.period_seconds) % 1
    assert min(off, 1 - off) * grid.period_seconds < 0.06


def _sides(piece: Piece, beats: np.ndarray | None = None, surely: float = 1.0) -> list[Onsets]:
    """What is heard on both sides; with `beats` as if the network heard those."""
    first, last = (round(seconds * RATE) for seconds in GAP)
    parts = ((piece.audio[:, :first], 0.0), (piece.audio[:, last:], GAP[1]))
    heard = [Onsets.of(audio, RATE, start, for_beats=True) for audio, start in parts]
    if beats is None:
        return heard
    odds = [_odds(beats, start, audio.shape[1] / RATE) for audio, start in parts]
    return [
        replace(side, odds=replace(own, log_odds=surely * own.log_odds)) for side, own in zip(heard, odds, strict=True)
    ]


@pytest.mark.parametrize(("kind", "bpm", "seed"), [("hip hop", 140, 0), ("funk", 110, 1)])
def test_syncopated_drums_are_on_the_beat_by_the_network_alone(kind: str, bpm: float, seed: int) -> None:
    piece = piece_with_beat(kind, bpm, seed)
    sides = _sides(piece)
    assert judge(piece, find_pulse(sides)).right
    assert not judge(piece, find_pulse([replace(side, odds=None) for side in sides])).right


@pytest.mark.parametrize(("surely", "bpm"), [(1.0, 93.0), (0.1, 120.0)])
def test_a_tempo_that_repeats_is_overruled_only_by_a_network_that_is_sure(surely: float, bpm: float) -> None:
    sides = _sides(piece_with_beat("four on the floor", 120, 3), np.arange(0.2, 24, 60 / 93), surely)
    assert find_pulse(sides).bpm == pytest.approx(bpm, rel=0.01)


def test_a_beat_that_the_network_alone_is_sure_of_is_found() -> None:
    piece, beats = piece_without("rubato piano", 103), np.arange(0.2, 24, 0.6)
    assert find_pulse(_sides(piece, beats)).found and not find_pulse(_sides(piece)).found


def test_sides_of_other_tempos_are_no_steady_beat() -> None:
    sides = [_odds(np.arange(0.2, 24, 0.5), 0.0, 9.0), _odds(np.arange(0.3, 24, 0.61), 14.0, 9.0)]
    assert confidence(sides, best_grid(sides)) < 0.22

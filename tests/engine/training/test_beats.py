"""Scores from MIDI files, other ways to play them, and the training of the beat network, on toys."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from engine.audio.beat_frames import BANDS
from engine.audio.beat_network import weights
from engine.training.beats import learn as learning
from engine.training.beats.changes import perform
from engine.training.beats.excerpts import Excerpt, load, save, split_of
from engine.training.beats.judging import shares
from engine.training.beats.scores import DRUMS, Score, read_score, with_drums_of


def _file(path: Path, at: list[float], drums: bool = False, meter: tuple[int, int] = (4, 4)) -> Path:
    """A MIDI file with notes of a quarter at these quarters, 100 quarters a minute."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(100))])
    track.append(mido.MetaMessage("time_signature", numerator=meter[0], denominator=meter[1]))
    events = sorted([(start, 90) for start in at] + [(start + 0.25, 0) for start in at])
    last = 0
    for start, velocity in events:
        tick = round(start * 480)
        channel = DRUMS if drums else 0
        track.append(mido.Message("note_on", channel=channel, note=36, velocity=velocity, time=tick - last))
        last = tick
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
    return path


def _score(path: Path, drums: bool = False) -> Score:
    score = read_score(_file(path, np.arange(0, 120, 0.5).tolist(), drums))
    assert score is not None
    return score


def test_a_score_is_in_beats_and_on_them(tmp_path: Path) -> None:
    score = _score(tmp_path / "a.mid")
    assert score.bpm == pytest.approx(100, rel=1e-3) and score.meter == 4 and score.starts[:3].tolist() == [0, 0.5, 1]
    three = read_score(_file(tmp_path / "b.mid", np.arange(0, 60, 1.5).tolist(), meter=(6, 8)))
    assert three is not None and three.threes and three.meter == 2 and three.starts[1] == 1
    anywhere = np.cumsum(np.random.default_rng(0).uniform(0.2, 0.9, 80)).tolist()
    assert read_score(_file(tmp_path / "c.mid", anywhere)) is None
    (tmp_path / "d.mid").write_bytes(b"MThd nothing")
    assert read_score(tmp_path / "d.mid") is None


@pytest.mark.parametrize("seed", range(6))
def test_a_score_is_played_in_other_ways_with_its_beats(tmp_path: Path, seed: int) -> None:
    score = with_drums_of(_score(tmp_path / "a.mid"), _score(tmp_path / "b.mid", drums=True))
    assert set(score.channels) == {0, DRUMS}
    played = perform(score, 20.0, np.random.default_rng(seed))
    assert played is not None and played.seconds.min() >= 0 and played.beats[-1] > 19.5
    lengths = np.diff(played.beats)
    assert np.all(lengths > 0.2) and played.downbeats is not None and np.isin(played.downbeats, played.beats).all()
    off = np.abs(played.seconds[:, None] - played.beats[None]).min(axis=1)
    assert np.mean(off < 0.08) > 0.3  # every other note was on a beat


def test_training_writes_what_numpy_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "CROP_STEPS", 120)
    monkeypatch.setattr(learning, "BATCH", 2)
    monkeypatch.setattr(learning, "CHECKS", 1)
    beats = np.arange(0.1, 20, 0.5)
    for split in ("train", "valid"):
        (tmp_path / split).mkdir()
        frames = np.random.default_rng(0).normal(2, 1, (1000, BANDS)).astype(np.float16)
        save(tmp_path / split / "000000.npz", Excerpt(frames, beats, beats[::4] if split == "train" else None))
    held = load(tmp_path / "valid" / "000000.npz")
    assert held.downbeats is None and held.targets()[0].max() == 1 and np.isnan(held.targets()[1]).all()
    out = tmp_path / "network.npz"
    assert np.isfinite(learning.learn(tmp_path / "train", tmp_path / "valid", out, steps=2))
    assert weights(out)["mean"].shape == (BANDS,) and shares([held], out).pieces == 1
    assert {split_of(f"song{k}-{part}") for k in range(40) for part in (1, 2)} == {"train", "valid"}

"""What lies around a region, listened to beside the model's work: the same as when it is found afterwards."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from engine.audio.buffer import Audio
from engine.audio.loudness import true_peak_db
from engine.audio.seam import Fitting, Made
from engine.audio.window import plan_window
from engine.errors import InvalidRequest
from engine.rendering.joining import Joiner, Piece
from engine.rendering.listening import Listening, padded
from engine.rendering.source import open_source
from engine.training.music.arrange import make_score
from engine.training.music.synthesis import render

RATE = 16000


def _music(seed: int, seconds: float, rate: int = RATE) -> np.ndarray:
    whole = render(make_score(seed, seconds), seed, int(seconds * 44100)).audio
    return np.asarray(whole[:, : int(seconds * rate)], dtype=np.float32)


def test_a_joint_is_the_same_with_what_was_heard_before() -> None:
    bpm = 100.0
    source, window = open_source(Audio(_music(3, 9.0), RATE)), plan_window(9 * RATE, RATE, 3.0, 6.0, 3.0)
    made = Made(_music(4, 9.0)[:, window.region.fade_start : window.region.fade_end] * 0.5, window.region.fade_start)
    how = Fitting(search_seconds=0.2, match_tempo=True, bpm=bpm)
    with Listening(source, [window], bpm) as listening:
        heard = Joiner(source, (window,), how, True, listening).join([Piece(made, window)])
        assert listening.around(window.region).pulse(3.0, (0.03, 0.03), bpm) is not None
    plain = Joiner(source, (window,), how, True).join([Piece(made, window)])
    assert np.array_equal(heard.audio, plain.audio) and heard.reports == plain.reports and heard.offset == plain.offset


def test_a_source_that_is_gone_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "song.wav", _music(3, 4.0).T, RATE)
    source, window = open_source(tmp_path / "song.wav"), plan_window(4 * RATE, RATE, 1.0, 2.0, 1.0)
    (tmp_path / "song.wav").unlink()
    with Listening(source, [window], None) as listening, pytest.raises((InvalidRequest, OSError)):
        listening.around(window.region)


def test_beyond_its_ends_a_source_is_silent() -> None:
    source = open_source(Audio(np.ones((2, 10), dtype=np.float32), RATE))
    assert padded(source, -3, 4)[0].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert padded(source, 8, 12)[0].tolist() == [1, 1, 0, 0]
    assert padded(source, 12, 14)[0].tolist() == [0, 0] and padded(source, 5, 3).shape == (2, 0)


@pytest.mark.parametrize("kind", ["music", "noise", "spike at an end", "between samples", "silence", "short"])
def test_true_peak_is_that_of_all_samples(kind: str) -> None:
    """Only blocks near loud samples are oversampled: the same number to the bit."""
    rng = np.random.default_rng(2)
    quiet = 0.05 * rng.standard_normal((2, 6001))
    t = np.arange(6001)
    swell = 0.9 * np.sin(np.pi * (t / 2 + 0.25)) * np.exp(-(((t - 3000) / 300.0) ** 2))
    samples = {
        "music": _music(5, 0.5).astype(np.float64),
        "noise": rng.standard_normal((2, 6001)),
        "spike at an end": np.where(t >= 5999, 0.8, quiet),
        "between samples": quiet + swell,
        "silence": np.zeros((2, 6001)),
        "short": quiet[:, :5],
    }[kind]
    whole = max(np.abs(resample_poly(samples, 4, 1, axis=1)).max(), np.abs(samples).max())
    assert true_peak_db(samples) == (20 * math.log10(whole) if whole > 0 else -math.inf)

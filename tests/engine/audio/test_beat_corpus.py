"""A beat is found in what has one, on its beats, and not in what has none. The whole table: `tests.bench beat`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import InvalidRequest
from tests.bench.beat_files import annotated
from tests.support.beat_corpus import RATE, piece_with_beat, piece_without
from tests.support.beat_judge import heard_pulse, judge

WITH = (
    ("loud off-beats", 120),
    ("swing", 174),
    ("strums by hand", 93),
    ("6/8", 80),
    ("arpeggio", 66),
    ("sub-bass", 198),
)


@pytest.mark.parametrize(("kind", "bpm"), WITH)
def test_found_and_on_the_beats(kind: str, bpm: float) -> None:
    piece = piece_with_beat(kind, bpm, seed=3)
    judged = judge(piece, heard_pulse(piece))
    assert judged.right


@pytest.mark.parametrize("kind", ["pads", "speech", "rubato piano"])
def test_none_where_there_is_none(kind: str) -> None:
    assert not heard_pulse(piece_without(kind, seed=103)).found


def test_a_pulse_between_the_beats_is_not_right() -> None:
    piece = piece_with_beat("sub-bass", 100, seed=3)
    pulse = heard_pulse(piece)
    between = type(pulse)(pulse.period_seconds, pulse.first_seconds + pulse.period_seconds / 2, 1.0)
    assert judge(piece, pulse).right and not judge(piece, between).right
    assert np.all(np.diff(piece.beats) > 0)


def test_known_beats_are_read_from_files_beside_the_music(tmp_path: Path) -> None:
    rate, beats = 8000, np.arange(0.25, 16, 0.5)
    noise = np.random.default_rng(0).normal(0, 0.1, 16 * rate)
    wandering = beats + 0.1 * np.sin(beats)
    texts = {
        "a.beats": "\n".join(f"{time:.3f}\t{place % 3 + 1}" for place, time in enumerate(beats)),
        "b.wav.beats": "# none\n",
        "c.beats": "\n".join(f"{time:.3f}" for time in wandering),
    }
    for name in ("a", "b", "c", "d"):
        soundfile.write(tmp_path / f"{name}.wav", noise, rate)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    known, none = annotated(tmp_path)
    assert known.bpm == pytest.approx(120) and known.threes and known.audio.shape[1] == 16 * RATE
    assert known.beats == pytest.approx(beats) and none.beats.size == 0 and known.kind == tmp_path.name
    (tmp_path / "a.beats").write_text("soon\n", "utf-8")
    with pytest.raises(InvalidRequest, match=r"a\.beats"):
        list(annotated(tmp_path))

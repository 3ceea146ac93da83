"""A beat is found in what has one, on its beats, and not in what has none. The whole table: `tests.bench beat`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.beat_corpus import piece_with_beat, piece_without
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

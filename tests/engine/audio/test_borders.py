"""Dips at a border: a hole in what sounds on, not a tail that dies away before an attack."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.borders import is_dip

RATE = 8000
BORDER = 2.0


def _noise() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, 0.1, (2, 4 * RATE))


def _tail_and_attack() -> NDArray[np.float64]:
    """A tail that falls by 20 dB in its last 60 ms, then an attack 34 dB above what was heard of it."""
    sound = 0.02 * _noise()
    sound[:, int(1.97 * RATE) : int(BORDER * RATE)] *= 0.1
    sound[:, int(BORDER * RATE) :] *= 50
    return sound


def test_a_hole_in_what_sounds_on_is_a_dip() -> None:
    sound = _noise()
    assert not is_dip(sound, RATE, BORDER)
    sound[:, int(1.985 * RATE) : int(2.015 * RATE)] *= 0.1
    assert is_dip(sound, RATE, BORDER)


@pytest.mark.parametrize("border", [BORDER - 0.015, BORDER])
def test_a_tail_before_an_attack_is_none(border: float) -> None:
    assert not is_dip(_tail_and_attack(), RATE, border)

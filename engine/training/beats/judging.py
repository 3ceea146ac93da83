"""How often the steady grid of held-out excerpts is right, both sides of a region heard as a job hears them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_frames import FRAMES_A_SECOND
from engine.audio.beat_network import beat_log_odds, weights
from engine.audio.steady_grid import BeatOdds, Grid, best_grid
from engine.training.beats.excerpts import Excerpt

_SIDES = (0.0, 8.0), (12.0, 20.0)
_SAME_TEMPO, _ON_THE_BEAT_SECONDS = 0.01, 0.035
_STEADY = 0.015  # how far a beat's length may be off the usual
_LEVELS = (0.25, 0.5, 1.0, 2.0, 4.0)
_THIRDS = (1 / 3, 3.0)


@dataclass(frozen=True)
class Shares:
    """Of `pieces` with a steady beat: those at its tempo or an octave of it, and those that are also on its beats."""

    pieces: int
    tempo: float
    right: float

    def in_words(self) -> str:
        """One line."""
        tempo, right = 100 * self.tempo, 100 * self.right
        return f"{self.pieces} held-out excerpts: at their tempo {tempo:.1f} %, and on their beats {right:.1f} %"


def shares(excerpts: list[Excerpt], file: Path) -> Shares:
    """Of those excerpts that have a steady beat."""
    judged = [
        _judge(_grid(excerpt, file), excerpt.beats, _in_threes(excerpt))
        for excerpt in excerpts
        if is_steady(excerpt.beats)
    ]
    tempo, right = (float(np.mean([one[k] for one in judged])) if judged else 0.0 for k in (0, 1))
    return Shares(len(judged), tempo, right)


def is_steady(beats: NDArray[np.float64]) -> bool:
    """Whether beats are evenly spaced."""
    lengths = np.diff(beats)
    return lengths.size >= 8 and bool(np.abs(lengths / np.median(lengths) - 1).max() <= _STEADY)


def _grid(excerpt: Excerpt, file: Path) -> Grid:
    sides = []
    for begin, end in _SIDES:
        frames = excerpt.frames[round(begin * FRAMES_A_SECOND) : round(end * FRAMES_A_SECOND)].astype(np.float32)
        sides.append(BeatOdds(beat_log_odds(frames, weights(file)), begin))
    return best_grid(sides)


def _in_threes(excerpt: Excerpt) -> bool:
    if excerpt.downbeats is None or excerpt.downbeats.size < 2:
        return False
    return round(np.median(np.diff(excerpt.downbeats)) / np.median(np.diff(excerpt.beats))) % 3 == 0


def _judge(grid: Grid, beats: NDArray[np.float64], threes: bool) -> tuple[bool, bool]:
    beat = float(np.median(np.diff(beats)))
    ratio = grid.period_seconds / beat
    if min(abs(ratio / level - 1) for level in (*_LEVELS, *(_THIRDS if threes else ()))) > _SAME_TEMPO:
        return False, False
    shorter = min(grid.period_seconds, beat)  # of the two grids, each of the slower has to lie on the faster
    off = np.mod(beats - grid.beat_seconds + shorter / 2, shorter) - shorter / 2
    return True, float(np.median(np.abs(off))) <= _ON_THE_BEAT_SECONDS

"""A score played another way: other tempo, key, instruments, parts, swing and hands; and times that have no beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.steady_grid import MAX_BPM, MIN_BPM
from engine.training.beats.scores import DRUMS, Score

Array = NDArray[np.float64]
_BASSES = range(32, 40)


@dataclass(frozen=True, eq=False)
class Performance:
    """Notes at `seconds`, for `lengths` in seconds; the rest as in a score. `beats` and `downbeats` in seconds."""

    seconds: Array
    lengths: Array
    pitches: NDArray[np.int64]
    levels: Array
    channels: NDArray[np.int64]
    programs: dict[int, int]
    beats: Array
    downbeats: Array | None


def perform(score: Score, seconds: float, rng: np.random.Generator) -> Performance | None:
    """So many seconds of a score from a bar somewhere on, changed by chance; None where too little sounds there."""
    bpm = _tempo(score, rng)
    score = _without_parts(_transposed(_other_instruments(score, rng), rng), rng)
    count = int(np.ceil(seconds * bpm / 60)) + 2
    first = float(rng.integers(0, max(1, int(score.beats - count) + 1)))
    if score.meter:
        first -= first % score.meter
    first += rng.uniform(0, score.meter or 4)  # a piece does not begin on a beat
    part = score.only((score.starts >= first) & (score.starts < first + count))
    if part.starts.size < count / 2:
        return None
    pace = _pace(bpm, count, rng)
    beats = np.arange(np.ceil(first), first + count)
    grid = np.arange(first, first + count + 1, 0.25)
    clock = np.concatenate([[0.0], np.cumsum(60 / pace(grid[:-1] - first) * 0.25)])
    starts = _swung(score, part.starts, rng)
    at = np.interp(starts, grid, clock)
    at = np.maximum(0.0, at + _hands(part, rng))
    ends = np.interp(starts + part.lengths, grid, clock)
    downbeats = beats[beats % score.meter == 0] if score.meter else None
    return Performance(
        at,
        np.maximum(0.03, ends - at),
        part.pitches,
        _levels(part, rng),
        part.channels,
        part.programs,
        np.interp(beats, grid, clock),
        None if downbeats is None else np.interp(downbeats, grid, clock),
    )


def _tempo(score: Score, rng: np.random.Generator) -> float:
    near = score.bpm * np.exp(rng.normal(0, 0.2))
    bpm = near if rng.random() < 0.6 else np.exp(rng.uniform(np.log(62), np.log(195)))
    while bpm > MAX_BPM:
        bpm /= 2
    while bpm < MIN_BPM:
        bpm *= 2
    return float(bpm)


def _pace(bpm: float, count: int, rng: np.random.Generator) -> Callable[[Array], Array]:
    """Tempo by beats: mostly constant, sometimes drifting, sometimes free."""
    free = rng.random()
    depth = 0.0 if free < 0.8 else rng.uniform(0.005, 0.03) if free < 0.9 else rng.uniform(0.05, 0.3)
    points = np.cumsum(rng.normal(0, 1, count // 4 + 3))
    points = np.clip(points - points.mean(), -2, 2) / 2
    return lambda at: np.asarray(bpm * np.exp(depth * np.interp(at, np.arange(points.size) * 4.0, points)))


def _transposed(score: Score, rng: np.random.Generator) -> Score:
    by = int(rng.integers(-6, 7))
    return replace(
        score, pitches=np.where(score.channels == DRUMS, score.pitches, np.clip(score.pitches + by, 12, 115))
    )


def _other_instruments(score: Score, rng: np.random.Generator) -> Score:
    """Some channels get another program, of the same eight mostly."""
    programs = {}
    for channel in map(int, np.unique(score.channels)):
        program = score.programs.get(channel, 0)
        chance = rng.random()
        if chance < 0.35:
            program = program // 8 * 8 + int(rng.integers(8))
        elif chance < 0.5:
            program = int(rng.integers(0, 112))
        programs[channel] = program
    return replace(score, programs=programs)


def _without_parts(score: Score, rng: np.random.Generator) -> Score:
    """Without drums, or bass, or some others; or drums alone."""
    channels = [int(channel) for channel in np.unique(score.channels)]
    chance = rng.random()
    if DRUMS in channels and chance < 0.08:
        return score.only(score.channels == DRUMS)
    dropped = {channel for channel in channels if rng.random() < 0.12}
    if chance > 0.85:
        dropped.add(DRUMS)
    elif chance > 0.75:
        dropped |= {channel for channel in channels if score.programs.get(channel, 0) in _BASSES}
    kept = [channel for channel in channels if channel not in dropped] or channels
    return score.only(np.isin(score.channels, kept))


def _swung(score: Score, starts: Array, rng: np.random.Generator) -> Array:
    """Eighths or sixteenths played unevenly, where they were even."""
    if score.threes or rng.random() > 0.2:
        return starts
    size = 1.0 if rng.random() < 0.6 else 0.5
    late = rng.uniform(0.54, 0.68)
    inside = np.mod(starts, size) / size
    warped = np.interp(inside, [0.0, 0.5, 1.0], [0.0, late, 1.0])
    return np.asarray(starts + (warped - inside) * size)


def _hands(part: Score, rng: np.random.Generator) -> Array:
    """How late each note is in seconds: hands are unsteady, and some players early or late."""
    jitter = rng.choice([0.0, 0.003, 0.008, 0.014], p=[0.4, 0.3, 0.2, 0.1])
    lags = np.zeros(16)
    if rng.random() < 0.25:
        lags = rng.normal(0, 0.01, 16)
    return np.asarray(rng.normal(0, 1, part.starts.size) * jitter + lags[part.channels])


def _levels(part: Score, rng: np.random.Generator) -> Array:
    """Parts louder and softer than they are; drums by instrument as well; accents flattened sometimes."""
    gains = rng.normal(0, 5, 16)
    db = gains[part.channels]
    drums = part.channels == DRUMS
    db = db + np.where(drums, rng.normal(0, 4, 128)[part.pitches], 0.0)
    levels = part.levels ** rng.choice([0.3, 1.0, 1.0, 1.5])
    return np.asarray(np.clip(levels * 10 ** (db / 20), 0.02, 1.0))

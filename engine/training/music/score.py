"""A score: bars in seconds, notes and drum strokes, and who plays when. Knows no sound and no tags."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.constants import FRAME_RATE
from engine.grid.harmony import Key, chord_number
from engine.grid.tempo_map import TempoMap, TempoPoint
from engine.training.music.styles import INSTRUMENTS, Meter


@dataclass(frozen=True)
class Note:
    """One note of a pitched instrument; seconds from the clip's first sample, which may lie before it."""

    instrument: str
    start: float
    duration: float
    midi: int
    velocity: float = 0.8


@dataclass(frozen=True)
class Hit:
    """One drum stroke."""

    drum: str
    start: float
    velocity: float = 0.8


@dataclass(frozen=True)
class Sweep:
    """A riser from `start` to `end` (seconds)."""

    start: float
    end: float


@dataclass(frozen=True)
class Bar:
    """One bar of constant tempo. `chord` is a scale degree."""

    start: float
    bpm: float
    meter: Meter
    chord: int
    section: int

    @property
    def quarters(self) -> float:
        """Length in quarter notes."""
        return 4.0 * self.meter[0] / self.meter[1]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.quarters * 60.0 / self.bpm

    def at(self, quarter: float) -> float:
        """Time in seconds of a position in quarter notes."""
        return self.start + quarter * 60.0 / self.bpm


@dataclass
class Score:
    """Everything that determines a clip but its timbres."""

    seconds: float
    style: str
    key: Key
    bars: list[Bar]
    kinds: dict[str, str]
    notes: list[Note] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    playing: list[set[str]] = field(default_factory=list)

    @property
    def meter(self) -> Meter:
        """The meter, one for the whole score."""
        return self.bars[0].meter

    def tempo_map(self) -> TempoMap:
        """The true bar lines, with a point wherever the tempo changes."""
        points: list[TempoPoint] = []
        for bar in self.bars:
            if not points or abs(points[-1].bpm - bar.bpm) > 1e-9:
                points.append(TempoPoint(bar.start, bar.bpm, *bar.meter))
        return TempoMap(tuple(points))

    def chords(self, frames: int) -> list[int]:
        """The chord number (`engine.grid.harmony`) of the bar that holds each latent frame's centre."""
        starts = np.array([bar.start for bar in self.bars])
        bars = np.searchsorted(starts, (np.arange(frames) + 0.5) / FRAME_RATE, side="right") - 1
        return [chord_number(self.key.chord(self.bars[max(0, bar)].chord)) for bar in bars]

    def activity(self, frames: int) -> np.ndarray:
        """(instruments, frames) of bool: who plays in the bar that holds each latent frame's centre."""
        active = np.zeros((len(INSTRUMENTS), frames), dtype=bool)
        for bar, names in zip(self.bars, self.playing, strict=True):
            first = max(0, round(bar.start * FRAME_RATE))
            last = max(0, round((bar.start + bar.seconds) * FRAME_RATE))
            for name in names:
                active[INSTRUMENTS.index(name), first:last] = True
        return active

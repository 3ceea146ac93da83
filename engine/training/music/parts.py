"""What each pitched instrument plays in one bar of one chord. Knows no sound; times are quarter notes in the bar.

A figure is a list of (quarter, quarters long, MIDI notes, velocity).
"""

from __future__ import annotations

import numpy as np

from engine.grid.harmony import Key
from engine.training.music.score import Bar
from engine.training.music.styles import Style
from engine.training.music.theory import voicing

Figure = list[tuple[float, float, tuple[int, ...], float]]

_BASS_STEPS: dict[str, tuple[tuple[float, float, int], ...]] = {
    "root": ((0.0, 1.8, 0), (2.0, 1.8, 0)),
    "long": ((0.0, 4.0, 0),),
    "eighths": tuple((k * 0.5, 0.42, 0) for k in range(8)),
    "offbeat": tuple((k + 0.5, 0.4, 0) for k in range(4)),
    "rolling": tuple((k * 0.25, 0.2, 0) for k in range(16) if k % 4),
    "octaves": tuple((k * 0.5, 0.35, 12 * (k % 2)) for k in range(8)),
    "syncopated": ((0.0, 0.7, 0), (0.75, 0.4, 0), (1.5, 0.7, 0), (2.5, 0.4, 7), (3.25, 0.6, 0)),
    "bossa": ((0.0, 1.4, 0), (1.5, 0.4, 7), (2.0, 1.4, 7), (3.5, 0.4, 0)),
    "walking": ((0.0, 0.9, 0), (1.0, 0.9, -3), (2.0, 0.9, 7), (3.0, 0.9, -5)),
}
_COMP_STEPS: dict[str, tuple[tuple[float, float], ...]] = {
    "sustain": ((0.0, 4.0),),
    "offbeat": tuple((k + 0.5, 0.3) for k in range(4)),
    "stabs": ((0.0, 0.4), (1.5, 0.4), (2.5, 0.6)),
    "eighths": tuple((k * 0.5, 0.4) for k in range(8)),
    "strum": ((0.0, 0.9), (1.0, 0.4), (1.5, 0.9), (2.5, 0.4), (3.0, 0.4), (3.5, 0.4)),
    "charleston": ((0.0, 0.9), (1.5, 0.5)),
    "sixteenths": (
        (0.0, 0.2),
        (0.5, 0.15),
        (0.75, 0.15),
        (1.25, 0.15),
        (1.5, 0.2),
        (2.25, 0.2),
        (2.75, 0.15),
        (3.5, 0.2),
    ),
    "skank": ((1.0, 0.25), (3.0, 0.25)),
    "oompah": ((1.0, 0.5), (2.0, 0.5)),
}
_LOW = {"bass": 33, "pad": 52, "pluck": 55, "lead": 67, "keys": 55, "mallet": 67, "arp": 60}


class Player:
    """One instrument's habits in one clip: which figure, which register, which melody."""

    def __init__(self, rng: np.random.Generator, name: str, style: Style, bar_quarters: float) -> None:
        self.name = name
        self.low = _LOW[name] + int(rng.integers(-4, 5))
        names = style.bass if name == "bass" else style.comp
        self.habit = str(rng.choice(names))
        if name == "pad":
            self.habit = "sustain"
        self.grid = float(rng.choice([0.25, 0.25, 0.5])) if name == "arp" else 0.5
        self.order = rng.permutation(4)
        self.sevenths = style.sevenths
        self.motif = self._make_motif(rng, bar_quarters)

    def _make_motif(self, rng: np.random.Generator, quarters: float) -> list[tuple[float, float, int]]:
        """Two bars of (quarter, length, scale step above a chord tone)."""
        density = rng.uniform(0.25, 0.7)
        steps = np.arange(0.0, 2 * quarters, 0.5)
        starts = [float(s) for s in steps if rng.random() < (density if s % 1 else min(1.0, density + 0.3))] or [0.0]
        ends = [*starts[1:], 2 * quarters]
        motif = []
        for start, end in zip(starts, ends, strict=True):
            passing = int(rng.choice([-1, 1])) if start % 1 and rng.random() < 0.35 else 0
            motif.append((start, min(end - start, 1.5) * 0.9, 10 * int(rng.integers(0, 5)) + passing))
        return motif

    def bar(self, rng: np.random.Generator, key: Key, bar: Bar, index: int) -> Figure:
        """This instrument's notes in one bar."""
        if self.name == "bass":
            return self._bass(key, bar)
        chord = voicing(key.chord(bar.chord, self.sevenths), self.low)
        if self.name in ("lead", "mallet"):
            return self._melody(key, bar, index)
        if self.name == "arp" or self.habit == "broken":
            return self._arpeggio(chord, bar)
        return self._chords(rng, chord, bar)

    def _bass(self, key: Key, bar: Bar) -> Figure:
        root = voicing((key.chord(bar.chord)[0],), self.low - 5)[0]
        steps = _BASS_STEPS[self.habit]
        if bar.meter != (4, 4) and self.habit not in ("eighths", "long", "rolling", "octaves"):
            steps = ((0.0, bar.quarters * 0.45, 0), (bar.quarters / 2 if bar.meter[1] == 8 else 2.0, 0.8, 7))
        return [(at, min(long, bar.quarters - at), (root + up,), 0.85) for at, long, up in steps if at < bar.quarters]

    def _chords(self, rng: np.random.Generator, chord: list[int], bar: Bar) -> Figure:
        steps = _COMP_STEPS[self.habit]
        if bar.meter[1] == 8 and self.habit != "sustain":
            steps = ((0.0, 1.2), (1.5, 0.5), (2.0, 0.5), (2.5, 0.5))
        return [
            (at, min(long, bar.quarters - at), tuple(chord), float(rng.uniform(0.65, 0.85)))
            for at, long in steps
            if at < bar.quarters
        ]

    def _arpeggio(self, chord: list[int], bar: Bar) -> Figure:
        notes = [*chord, chord[0] + 12, chord[1] + 12][:4]
        count = int(bar.quarters / self.grid)
        return [
            (k * self.grid, self.grid * 0.9, (notes[int(self.order[k % 4])],), 0.8 if k % 4 == 0 else 0.65)
            for k in range(count)
        ]

    def _melody(self, key: Key, bar: Bar, index: int) -> Figure:
        offset = (index % 2) * bar.quarters
        figure: Figure = []
        for start, long, code in self.motif:
            at = start - offset
            if 0 <= at < bar.quarters:
                tone, passing = divmod(code + 1, 10)
                degree = bar.chord + (0, 2, 4, 7, 9)[tone] + (passing - 1)
                midi = self.low + (key.pitch(degree) - self.low) % 12 + (12 if tone > 2 else 0)
                figure.append((at, min(long, bar.quarters - at), (midi,), 0.8))
        return figure

"""Tempo, bar phase, key and chords of the music around a window, for models that read grids. Knows no model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from engine.audio.buffer import Samples
from engine.audio.chords import bar_chromas, best_key, best_triads
from engine.audio.tempo import estimate_beat
from engine.grid.harmony import KEYS, FrameBars, Harmony, chord_number
from engine.grid.tempo_map import TempoMap, TempoPoint

LONGEST_SECONDS = 30.0


@dataclass
class Heard:
    """What is heard in a window of the source that starts at `start_seconds`; `read` gives its samples (C, n)."""

    read: Callable[[], Samples]
    sample_rate: int
    start_seconds: float

    @cached_property
    def samples(self) -> Samples:
        """The window's samples, read when first asked for."""
        return self.read()

    def tempo_map(self, bpm: float | None) -> TempoMap | None:
        """Tempo and beats; with `bpm` given only the phase is looked for."""
        return estimate_tempo_map(self.samples, self.sample_rate, self.start_seconds, bpm)

    def harmony(self, bars: FrameBars) -> Harmony | None:
        """Key, and the chord of each bar that has one; None where nothing pitched is heard."""
        chromas = bar_chromas([self._bar(*times) for times in bars.times.values()], self.sample_rate)
        index = best_key(chromas, [(key.root, key.mode, key.triads) for key in KEYS])
        if index is None:
            return None
        key = KEYS[index]
        best = best_triads(chromas, key.triads)
        chords = {bar: chord_number(key.triads[i]) for bar, i in zip(bars.times, best, strict=True) if i is not None}
        return Harmony(key, chords) if chords else None

    def _bar(self, start: float, end: float) -> Samples:
        first, last = (max(0, round((t - self.start_seconds) * self.sample_rate)) for t in (start, end))
        return self.samples[:, first:last]


def estimate_tempo_map(samples: Samples, sample_rate: int, start_seconds: float, bpm: float | None) -> TempoMap | None:
    """A one-point map from the onsets of `samples`, whose first is at `start_seconds` of the source.

    With `bpm` given only the phase is looked for. None where no steady beat is found. Beats do not tell where a bar
    begins: the first one found is taken for a downbeat.
    """
    heard = samples[:, : round(LONGEST_SECONDS * sample_rate)]
    beat = estimate_beat(heard, sample_rate, bpm)
    if not beat.found:
        return None
    return TempoMap((TempoPoint(start_seconds + beat.first_beat_seconds, beat.bpm),))

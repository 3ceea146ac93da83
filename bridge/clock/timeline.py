"""Beats on the line of time. Knows no clock.

A beat is a note of the meter's denominator, a tempo counts quarter notes; beats are counted from 0, the first
one of the first bar. Seconds are those of `time.monotonic`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor

NEAR = 1e-6  # of a beat: what is so close to a beat is on it


@dataclass(frozen=True)
class Meter:
    """Beats a bar, and which note a beat is: 4/4 or 6/8."""

    beats: int = 4
    note: int = 4

    def rate(self, tempo: float) -> float:
        """Beats a second, of quarter notes a minute."""
        return tempo / 60.0 * self.note / 4.0

    def tempo(self, rate: float) -> float:
        """Quarter notes a minute, of beats a second."""
        return rate * 60.0 * 4.0 / self.note


@dataclass(frozen=True)
class Timeline:
    """At `seconds` it is `beat`; `rate` beats go by in a second."""

    seconds: float
    beat: float
    rate: float

    def beat_at(self, seconds: float) -> float:
        """Which beat it is then, with its fraction."""
        return self.beat + (seconds - self.seconds) * self.rate

    def time_of(self, beat: float) -> float:
        """When it is that beat."""
        return self.seconds + (beat - self.beat) / self.rate

    def count_at(self, seconds: float, step: float) -> int:
        """How many steps of so many beats are over then; another number means that one began."""
        return floor(self.beat_at(seconds) / step + NEAR)

    def moved(self, seconds: float, beat: float) -> Timeline:
        """The same rate, but then it is this beat."""
        return replace(self, seconds=seconds, beat=beat)

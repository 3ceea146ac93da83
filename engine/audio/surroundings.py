"""The source on both sides of a region, and what is heard in it: found once, for joining and for the report.

Nothing of it depends on what is made, so it can be found while a model samples. Knows no files and no model.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_clock import BeatClock
from engine.audio.loudness import loudness_lufs
from engine.audio.onsets import Onsets
from engine.audio.pulse import Pulse, find_pulse, late_seconds, tempo_ratio
from engine.audio.tone import tilt_db

_NEAR_SECONDS = 5.0
Gaps = tuple[float, float]  # seconds between what is before a region, the region, and what is after it


class Surroundings:
    """`before` and `after`, (channels, n) each at full scale +-1; either may be empty.

    Where the tempo changes, a `clock` shows times at which it does not; `start_seconds` is where `before` begins.
    """

    def __init__(
        self,
        before: NDArray[Any],
        after: NDArray[Any],
        sample_rate: int,
        start_seconds: float = 0.0,
        clock: BeatClock | None = None,
    ) -> None:
        self.before, self.after, self.sample_rate = before, after, sample_rate
        self._start_seconds, self._clock = start_seconds, clock
        self._pulses: dict[tuple[float, float | None], Pulse] = {}

    @cached_property
    def together(self) -> NDArray[Any]:
        """Both sides as one, (channels, n)."""
        return np.concatenate([self.before, self.after], axis=1)

    @cached_property
    def loudness_lufs(self) -> float:
        """Loudness of the nearest 5 s of both sides together."""
        length = round(_NEAR_SECONDS * self.sample_rate)
        near = self.before[:, max(0, self.before.shape[1] - length) :], self.after[:, :length]
        return loudness_lufs(np.concatenate(near, axis=1), self.sample_rate)

    @cached_property
    def tilt_db(self) -> float | None:
        """Slope of the spectrum of both sides together."""
        return tilt_db(self.together, self.sample_rate)

    @cached_property
    def peak(self) -> float:
        """The largest sample on either side, 0 where there is none."""
        return max(float(np.abs(side).max(initial=0.0)) for side in (self.before, self.after))

    def pulse(self, seconds: float, gaps: Gaps, bpm: float | None) -> Pulse:
        """The pulse around a region of so many seconds, near `bpm` where that is known."""
        key = self._end(seconds, gaps), bpm
        if key not in self._pulses:
            self._pulses[key] = find_pulse(self._onsets(key[0]), bpm)
        return self._pulses[key]

    def beat_offset(self, inside: NDArray[Any], gaps: Gaps, bpm: float | None = None) -> tuple[Pulse, float | None]:
        """The pulse around a region (channels, n), and how late the region is on it in seconds: None where no steady
        one is told."""
        seconds = inside.shape[1] / self.sample_rate
        pulse = self.pulse(seconds, gaps, bpm)
        if not pulse.found:
            return pulse, None
        around, there = self._onsets(self._end(seconds, gaps)), self._inside(inside, gaps)
        return pulse, late_seconds(around, there, pulse)

    def tempo_ratio(self, inside: NDArray[Any], gaps: Gaps, bpm: float | None = None) -> float | None:
        """How much faster a region (channels, n) has to be played to have the tempo around it, as `tempo_ratio`."""
        around = self._onsets(self._end(inside.shape[1] / self.sample_rate, gaps))
        return tempo_ratio(around, self._inside(inside, gaps), bpm)

    def listen(self, seconds: float, gaps: Gaps, bpm: float | None) -> None:
        """Find all of it now."""
        self.pulse(seconds, gaps, bpm)
        _ = self.loudness_lufs, self.tilt_db, self.peak

    def _inside(self, inside: NDArray[Any], gaps: Gaps) -> Onsets:
        return self._on_clock(Onsets.of(inside, self.sample_rate, self._start(gaps)))

    def _on_clock(self, onsets: Onsets) -> Onsets:
        return onsets if self._clock is None else onsets.later(self._start_seconds).on(self._clock)

    def _start(self, gaps: Gaps) -> float:
        return self.before.shape[1] / self.sample_rate + gaps[0]

    def _end(self, seconds: float, gaps: Gaps) -> float:
        return self._start(gaps) + seconds + gaps[1]

    @cached_property
    def _sides(self) -> tuple[Onsets, Onsets]:
        before, after = (Onsets.of(side, self.sample_rate, for_beats=True) for side in (self.before, self.after))
        return before, after

    def _onsets(self, end_seconds: float) -> list[Onsets]:
        """Those before, from 0 s on, and those after, from `end_seconds` on."""
        before, after = self._sides
        return [self._on_clock(before), self._on_clock(after.later(end_seconds))]

"""What tones sound, each 20 ms, and how much they change from before a moment to after it: harmony. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from engine.audio.beat_clock import BeatClock

Array = NDArray[np.float64]
_STEP_SECONDS, _WINDOW_SECONDS = 0.02, 0.16
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 1400.0
_LEAST_RATE = 5500  # that those tones need
_LOUDEST = 30.0  # of the compression: log(1 + 30 x)
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Tones:
    """`frames` are compressed magnitudes from 40 to 1400 Hz, (steps, bins), the first at `start_seconds`."""

    frames: Array
    start_seconds: float

    @staticmethod
    def of(samples: NDArray[Any], sample_rate: int, start_seconds: float = 0.0) -> Tones:
        """The tones of (channels, n), whose first sample is at `start_seconds`."""
        by = max(1, sample_rate // _LEAST_RATE)
        mono, rate = resample_poly(samples.mean(axis=0).astype(np.float64), 1, by), sample_rate / by
        size = 1 << round(np.log2(_WINDOW_SECONDS * rate))
        starts = np.round(np.arange(int(mono.size / rate / _STEP_SECONDS)) * _STEP_SECONDS * rate).astype(np.int64)
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(mono, size // 2), size)[starts]
        hertz = np.fft.rfftfreq(size, 1 / rate)
        heard = (hertz > _LOWEST_HZ) & (hertz < _HIGHEST_HZ)
        magnitudes = np.abs(np.fft.rfft(frames * np.hanning(size)))[:, heard]
        return Tones(np.log1p(_LOUDEST * magnitudes / max(float(magnitudes.max(initial=0.0)), _NOTHING)), start_seconds)

    def later(self, seconds: float) -> Tones:
        """The same, so much later."""
        return replace(self, start_seconds=self.start_seconds + seconds)

    def on(self, clock: BeatClock) -> Tones:
        """The same at the times that a clock shows."""
        shown = clock.shown(self.start_seconds + np.arange(len(self.frames), dtype=np.float64) * _STEP_SECONDS)
        if not shown.size:
            return self
        times = np.arange(shown[0], shown[-1], _STEP_SECONDS)
        nearest = np.round(np.interp(times, shown, np.arange(shown.size))).astype(np.int64)
        return Tones(self.frames[nearest], float(shown[0]))

    def changes(self, seconds: float) -> tuple[Array, Array]:
        """Times in seconds, and how unlike the tones of so many seconds after each are to those before it: 0 to 1."""
        steps = max(1, round(seconds / _STEP_SECONDS))
        at = np.arange(steps, len(self.frames) - steps + 1)
        sums = np.concatenate([np.zeros((1, self.frames.shape[1])), np.cumsum(self.frames, axis=0)])
        after, before = sums[at + steps] - sums[at], sums[at] - sums[at - steps]
        scale = np.sqrt((after**2).sum(axis=1) * (before**2).sum(axis=1))
        unlike = 1 - (after * before).sum(axis=1) / np.maximum(scale, _NOTHING)
        level = after.mean(axis=1) / steps / (float(self.frames.mean()) + _NOTHING) if at.size else np.zeros(0)
        times = self.start_seconds + (at - 0.5) * _STEP_SECONDS
        return np.asarray(times, np.float64), np.asarray(unlike * np.minimum(1.0, level), np.float64)

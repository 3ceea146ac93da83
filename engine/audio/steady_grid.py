"""The steady beat that fits best what the beat network heard: a period and a phase for all stretches. Numbers only.

The log odds of a beat, summed over the beats of a grid, say how likely that grid is: one at half the tempo lacks the
others' odds, one between the beats or at double the tempo pays for each that is none. The network is no surer than a
beat at a time makes it, and it is often unsure where it hears little: odds of 1 to 7 count as none either way. (With
even odds as the measure, fewer beats are always the better explanation of what is hard to hear.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from engine.audio.beat_clock import BeatClock
from engine.audio.beat_frames import FRAMES_A_SECOND, beat_frames
from engine.audio.beat_network import beat_log_odds
from engine.audio.folding import peaks

Array = NDArray[np.float64]
MIN_BPM, MAX_BPM = 58.0, 205.0
_PRIOR_BPM, _PRIOR_OCTAVES, _PRIOR_WEIGHT = 115.0, 1.0, 3.0
_MOST, _LEAST = 4.0, -4.0  # log odds; surer the network is not believed to be
_NEITHER = -2.0  # log odds that speak neither for a beat nor against it
_RATIO = 0.004  # between one period and the next
_PHASE_SECONDS = 0.01
_TRIED = 8
STEADY_SECONDS = 3.5  # of the shortest part that can tell a tempo by itself
_SAME_TEMPO_OCTAVES = 0.02
_STEADY, _UNKNOWN, _UNSTEADY = 0.45, -0.25, -1.0  # log odds, where parts have one tempo, are short, or have not
_FINE_PERIODS, _FINE_PHASES = np.linspace(-0.004, 0.004, 17), np.linspace(-0.03, 0.03, 13)


@dataclass(frozen=True, eq=False)
class BeatOdds:
    """`log_odds` of a beat each 20 ms, (steps,), the first at `start_seconds`."""

    log_odds: Array
    start_seconds: float

    @staticmethod
    def of(samples: NDArray[np.float32], sample_rate: int, start_seconds: float = 0.0) -> BeatOdds:
        """Of (channels, n), whose first sample is at `start_seconds`."""
        return BeatOdds(beat_log_odds(beat_frames(samples, sample_rate)), start_seconds)

    def later(self, seconds: float) -> BeatOdds:
        """The same, so much later."""
        return replace(self, start_seconds=self.start_seconds + seconds)

    def on(self, clock: BeatClock) -> BeatOdds:
        """The same at the times that a clock shows."""
        shown = clock.shown(self.start_seconds + np.arange(self.log_odds.size) / FRAMES_A_SECOND)
        if not shown.size:
            return self
        times = np.arange(shown[0], shown[-1], 1 / FRAMES_A_SECOND)
        return BeatOdds(np.interp(times, shown, self.log_odds), float(shown[0]))

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.log_odds.size / FRAMES_A_SECOND

    def halves(self) -> list[BeatOdds]:
        """Its two halves."""
        middle = self.log_odds.size // 2
        second = BeatOdds(self.log_odds[middle:], self.start_seconds + middle / FRAMES_A_SECOND)
        return [BeatOdds(self.log_odds[:middle], self.start_seconds), second]


@dataclass(frozen=True)
class Grid:
    """A steady beat: its period, the time of a beat in the middle, and log odds: a beat's in the mean, those of all."""

    period_seconds: float
    beat_seconds: float
    log_odds: float
    total: float


def phase_odds(stretches: list[BeatOdds], period: float, phases: int) -> Array:
    """The log odds of all beats of a grid by the phase of its beats: (phases,)."""
    track = _Track(stretches)
    first = np.floor(track.begin / period) * period
    beats = np.arange(0.0, track.end - first + period, period)
    return np.asarray(track.at(first + np.arange(phases)[:, None] / phases * period + beats).sum(axis=1))


def confidence(stretches: list[BeatOdds], grid: Grid) -> float:
    """How sure it is that a grid of these stretches is a steady beat, 0 to 1.

    The odds of its beats count, and whether both stretches, or the halves of the only one, by themselves have that
    tempo, or an octave of it.
    """
    parts = stretches if len(stretches) > 1 else stretches[0].halves()
    return float(1 / (1 + np.exp(-grid.log_odds - _more_sure(parts, grid.period_seconds))))


def _more_sure(parts: list[BeatOdds], period: float) -> float:
    """Log odds that are added for what the parts say by themselves."""
    if min(part.seconds for part in parts) < STEADY_SECONDS:
        return _UNKNOWN
    return _STEADY if same_tempo([best_grid([part]).period_seconds for part in parts], period) else _UNSTEADY


def same_tempo(periods: Sequence[float], period: float) -> bool:
    """Whether all periods are one tempo, or octaves of it."""
    octaves = np.log2(np.asarray(periods) / period)
    return bool(np.abs(octaves - np.rint(octaves)).max() < _SAME_TEMPO_OCTAVES)


def best_grid(stretches: list[BeatOdds], bpm: float | None = None) -> Grid:
    """The grid that is likeliest for all stretches, in order; within 1 % of `bpm` where it is given."""
    track = _Track(stretches)
    if bpm is None:
        periods = 60.0 / np.exp(np.arange(np.log(MIN_BPM), np.log(MAX_BPM), _RATIO))
    else:
        periods = 60.0 / bpm * np.linspace(0.99, 1.01, 6)
    coarse = [track.best_phase(period) for period in periods]
    scores = np.array([score for score, _ in coarse]) + (_prior(periods) if bpm is None else 0.0)
    refined = [track.refined(float(periods[k]), coarse[k][1]) for k in peaks(scores)[:_TRIED]]
    best = max(refined, key=lambda r: r[0] + (_prior(np.array([r[1]]))[0] if bpm is None else 0.0))
    return Grid(best[1], best[2], track.log_odds(best[1], best[2]), best[0])


def _prior(periods: Array) -> Array:
    """How usual tempos are, as log odds."""
    return np.asarray(-_PRIOR_WEIGHT * (np.log2(60.0 / periods / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2)


class _Track:
    """The log odds of all stretches on one clock, 0 between them."""

    def __init__(self, stretches: list[BeatOdds]) -> None:
        self.begin = min(s.start_seconds for s in stretches)
        self.end = max(s.start_seconds + s.log_odds.size / FRAMES_A_SECOND for s in stretches)
        self.odds = np.zeros(int(np.ceil((self.end - self.begin) * FRAMES_A_SECOND)) + 2)
        self.spans = []
        for s in stretches:
            first = round((s.start_seconds - self.begin) * FRAMES_A_SECOND)
            self.odds[first : first + s.log_odds.size] = np.clip(s.log_odds - _NEITHER, _LEAST, _MOST)
            self.spans.append((s.start_seconds, s.start_seconds + (s.log_odds.size - 1) / FRAMES_A_SECOND))
        self.near = maximum_filter1d(self.odds, 3) * (self.odds != 0)
        self.middle = (self.begin + self.end) / 2

    def best_phase(self, period: float) -> tuple[float, float]:
        """The largest sum over a grid of this period, to 10 ms, and the time of its first beat behind the middle."""
        phases = self.middle + np.arange(0, period, _PHASE_SECONDS)
        reach = int((self.end - self.begin) / 2 / period) + 1
        times = phases[:, None] + np.arange(-reach, reach + 1)[None] * period
        places = np.rint((times - self.begin) * FRAMES_A_SECOND).astype(np.intp)
        inside = (places >= 0) & (places < self.near.size)
        sums = (self.near[np.where(inside, places, 0)] * inside).sum(axis=1)
        best = int(np.argmax(sums))
        return float(sums[best]), float(phases[best])

    def refined(self, period: float, phase: float) -> tuple[float, float, float]:
        """The best sum near a grid, its period and the time of a beat."""
        reach = int((self.end - self.begin) / 2 / period) + 1
        periods = (period * (1 + _FINE_PERIODS))[:, None, None]
        times = phase + _FINE_PHASES[None, :, None] + np.arange(-reach, reach + 1)[None, None] * periods
        sums = self.at(times).sum(axis=2)
        a, b = np.unravel_index(int(np.argmax(sums)), sums.shape)
        return float(sums[a, b]), float(periods[a, 0, 0]), float(phase + _FINE_PHASES[b])

    def log_odds(self, period: float, phase: float) -> float:
        """The mean of the beats of a grid that lie in the stretches."""
        firsts = [phase + np.ceil((begin - phase) / period) * period for begin, _ in self.spans]
        spans = zip(firsts, self.spans, strict=True)
        values = np.concatenate([self.at(np.arange(first, end, period)) for first, (_, end) in spans])
        return float(values.mean()) + _NEITHER if values.size else _LEAST

    def at(self, times: Array) -> Array:
        """The log odds at any times, 0 outside of the stretches."""
        places = (times - self.begin) * FRAMES_A_SECOND
        return np.asarray(np.interp(places, np.arange(self.near.size), self.near, left=0.0, right=0.0))

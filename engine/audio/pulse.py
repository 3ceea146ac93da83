"""A steady pulse on both sides of a region, and how late the region's attacks are on it. Knows no meter and no bars.

A pulse is told by the attacks repeating: the autocorrelation of the onset envelope at one to four periods, in the whole
spectrum and in the bass. So attacks off the beat, swing and patterns do not hide it, as they hide a share of energy on
one phase. The period is refined until the attacks of both sides, folded on it, lie sharpest; how sharply they do counts
as much as their repeating, and whether each side by itself has that tempo counts, too. A small network that hears beats
(`beat_network`, `steady_grid`) overrules that tempo where another is far likelier to it, and is believed where it alone
is sure. `beat_phase` says where in the period the beat lies. How late a region is, is the shift at which its own folded
attacks match those of its surroundings best: pattern against pattern, not peak against grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_phase import beat_phase
from engine.audio.folding import PHASES, folded, peaks, vertex
from engine.audio.onsets import BANDS, STEP_SECONDS, Band, Onsets
from engine.audio.steady_grid import MAX_BPM, MIN_BPM, STEADY_SECONDS, BeatOdds, Grid, best_grid, same_tempo
from engine.audio.steady_grid import confidence as grid_confidence

FOUND_CONFIDENCE = 0.22
MATCH_CONFIDENCE = 0.25
_REPEATS = 4
_SHORTEST_SECONDS = 1.5
_PRIOR_BPM, _PRIOR_OCTAVES = 115.0, 1.2
_STEADY, _UNSTEADY = 0.06, 0.6  # what is added, or kept, where both sides by themselves agree, or not
_SHIFT_COST = 0.8
_NEAR_BEST = 0.6
_FULL_SHARPNESS = 4.0  # peak against mean of the folded attacks; played freely they reach it, but do not repeat
_GIVEN_TOLERANCE = 0.01
_FAR_LIKELIER = 40.0  # log odds of all beats
_LEAST_DRIFT, _MOST_DRIFT = 0.004, 0.03
_LEAST_SHARPER = 1.15  # so much sharper the attacks have to lie at the region's own tempo
_LEAST_DRIFT_SECONDS = 3.0


@dataclass(frozen=True)
class Pulse:
    """A period in seconds, the time of one pulse, and how sure it is: 0 to 1."""

    period_seconds: float
    first_seconds: float
    confidence: float

    @property
    def found(self) -> bool:
        """Whether there is a steady pulse."""
        return self.confidence >= FOUND_CONFIDENCE

    @property
    def bpm(self) -> float:
        """Pulses a minute."""
        return 60.0 / self.period_seconds


def find_pulse(stretches: list[Onsets], bpm: float | None = None) -> Pulse:
    """The pulse of stretches of one piece, in order; near `bpm` where they have one there. Confidence 0 is none."""
    near = None if bpm is None else _pulse(stretches, bpm)
    return near if near is not None and near.found else _pulse(stretches, None)


def _pulse(stretches: list[Onsets], bpm: float | None) -> Pulse:
    usable = [s for s in stretches if s.seconds >= _SHORTEST_SECONDS and s.any]
    if not usable:
        return Pulse(60.0 / (bpm or 120.0), 0.0, 0.0)
    period, sure = _of_all(usable, _lags(bpm))
    if bpm is not None:
        return Pulse(period, beat_phase(usable, _bands(usable), period) if sure > 0 else 0.0, sure)
    steady = _steady(usable)
    if steady is not None:
        sure = min(1.0, sure + _STEADY if steady else sure * _UNSTEADY)
    odds = [s.odds for s in usable if s.odds is not None]
    if odds:
        grid = _likeliest(odds, period)
        period = _refined(reduce(Onsets.and_then, usable), _bands(usable), grid.period_seconds, 0.003)
        sure = sure if sure >= FOUND_CONFIDENCE else max(sure, grid_confidence(odds, grid))
    return Pulse(period, beat_phase(usable, _bands(usable), period) if sure > 0 else 0.0, sure)


def _likeliest(odds: list[BeatOdds], period: float) -> Grid:
    """The likeliest grid of a period, or of any other, but for its octaves, where that is far likelier."""
    near, best = best_grid(odds, 60.0 / period), best_grid(odds)
    another = not same_tempo([best.period_seconds], period)
    return best if another and best.total > near.total + _FAR_LIKELIER else near


def _bands(usable: list[Onsets]) -> list[Band]:
    """Those that a period is told by, where there is any attack."""
    return [band for band in BANDS if any(s.band(band).any() for s in usable)]


def _of_all(usable: list[Onsets], lags: NDArray[np.float64]) -> tuple[float, float]:
    """The period of stretches as one, among these, and how sure it is: 0 to 1."""
    bands = _bands(usable)
    weights = [s.seconds for s in usable]
    repeats = [np.average([_repeats(s.band(band), lags) for s in usable], axis=0, weights=weights) for band in bands]
    octaves = np.log2(60.0 / lags / _PRIOR_BPM) / _PRIOR_OCTAVES
    longest, together = max(usable, key=lambda s: s.seconds), reduce(Onsets.and_then, usable)
    best = _best_lag(longest, bands, lags, np.mean(repeats, axis=0) * np.exp(-0.5 * octaves**2))
    period = _refined(longest, bands, float(lags[best]), 0.015)
    period = _refined(together, bands, period, 0.003)
    laid = [_folded(together, band, period) for band in bands]
    sure = [r[best] * _sharpness(f) / _FULL_SHARPNESS for r, f in zip(repeats, laid, strict=True)]
    return period, float(np.clip(max(sure), 0, 1))


def _steady(usable: list[Onsets]) -> bool | None:
    """Whether both sides, or the halves of the only one, have one tempo, or octaves of it; None if short."""
    parts = usable if len(usable) > 1 else usable[0].halves()
    if min(part.seconds for part in parts) < STEADY_SECONDS or not all(part.any for part in parts):
        return None
    periods = [_of_all([part], _lags(None))[0] for part in parts]
    return same_tempo(periods, periods[0])


def late_seconds(around: list[Onsets], inside: Onsets, pulse: Pulse) -> float | None:
    """How late the region's attacks are on the pulse of its surroundings; None where they do not match it.

    Within half a period; negative is early.
    """
    band = next((b for b in BANDS if inside.band(b).any() and any(s.band(b).any() for s in around)), None)
    if band is None or inside.seconds < _SHORTEST_SECONDS / 2:
        return None
    there = np.sum([_folded(s, band, pulse.period_seconds) for s in around if s.band(band).any()], axis=0)
    here = _folded(inside, band, pulse.period_seconds)
    there, here = there - there.mean(), here - here.mean()
    scale = float(np.sqrt((there**2).sum() * (here**2).sum()))
    if scale <= 0:
        return None
    match = np.fft.irfft(np.fft.rfft(here) * np.conj(np.fft.rfft(there)), PHASES) / scale
    shifts = (np.arange(PHASES) + PHASES // 2) % PHASES - PHASES // 2
    best = int(np.argmax(match - _SHIFT_COST * np.abs(shifts) / PHASES))
    if match[best] < MATCH_CONFIDENCE:
        return None
    return float((shifts[best] + vertex(match, best)) / PHASES * pulse.period_seconds)


def _lags(bpm: float | None) -> NDArray[np.float64]:
    if bpm is not None:
        return 60.0 / bpm * np.linspace(1 - _GIVEN_TOLERANCE, 1 + _GIVEN_TOLERANCE, 9)
    return 60.0 / np.exp(np.linspace(np.log(MIN_BPM), np.log(MAX_BPM), 320))


def _repeats(values: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean autocorrelation of the onsets at one to four of each period: (periods,)."""
    kernel = np.hanning(9)
    smooth = np.convolve(values - values.mean(), kernel / kernel.sum(), "same")
    size = 1 << int(np.ceil(np.log2(2 * smooth.size)))
    power = np.abs(np.fft.rfft(smooth, size)) ** 2
    correlation = np.fft.irfft(power, size)[: smooth.size]
    counts = np.arange(smooth.size, 0, -1)
    correlation = correlation / counts / max(float(correlation[0]) / smooth.size, 1e-12)
    longest = 0.75 * smooth.size
    steps = np.arange(1, _REPEATS + 1)[:, None] * lags[None] / STEP_SECONDS
    there = np.interp(steps, np.arange(smooth.size), correlation)
    known = steps < longest
    return np.asarray((there * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _best_lag(onsets: Onsets, bands: list[Band], lags: NDArray[np.float64], scores: NDArray[np.float64]) -> int:
    """Of the periods that score near the best, that on which the attacks lie on the fewest phases."""
    near = [int(index) for index in peaks(scores) if scores[index] > _NEAR_BEST * scores.max()]
    if not near:
        return int(np.argmax(scores))

    def judged(index: int) -> float:
        period = _refined(onsets, bands, float(lags[index]), 0.015)
        sharp = [_sharpness(_folded(onsets, band, period)) for band in bands]
        return float(scores[index] * np.sqrt(np.mean(sharp)))

    return int(max(near[:6], key=judged))


def _refined(onsets: Onsets, bands: list[Band], period: float, width: float) -> float:
    """The period within `width` (a share) on which the attacks lie sharpest."""
    for share in (width, width / 8, width / 64):
        tries = period * (1 + share * np.linspace(-1, 1, 17))
        period = float(tries[np.argmax([_energy(onsets, bands, p) for p in tries])])
    return period


def _energy(onsets: Onsets, bands: list[Band], period: float) -> float:
    """How much of the attacks lies together when folded, each band in its own measure."""
    laid = [_folded(onsets, band, period) for band in bands]
    return float(sum((f**2).sum() / max(float(f.sum()) ** 2, 1e-12) for f in laid))


def _sharpness(laid: NDArray[np.float64]) -> float:
    """Peak against mean."""
    return float(laid.max() / max(float(laid.mean()), 1e-12))


def _folded(onsets: Onsets, band: Band, period: float) -> NDArray[np.float64]:
    """Onsets of a band by phase of a period: (96,)."""
    return folded(*onsets.attacks[band], period)


def tempo_ratio(around: list[Onsets], onsets: Onsets, bpm: float | None = None) -> float | None:
    """How much faster a region has to be played to have the tempo of both sides; None where it has, or none is told.

    From 0.4 to 3 % either way, of regions of at least 3 s whose `onsets` lie clearly sharper at their own tempo.
    """
    pulse = find_pulse(around, bpm)
    if not pulse.found or onsets.seconds < _LEAST_DRIFT_SECONDS or not onsets.values.any():
        return None
    drifts = np.linspace(-1.2 * _MOST_DRIFT, 1.2 * _MOST_DRIFT, 145)
    sharp = np.array([(_folded(onsets, "all", pulse.period_seconds * (1 + drift)) ** 2).sum() for drift in drifts])
    best = int(sharp.argmax())
    drift = float(drifts[best])
    if not _LEAST_DRIFT <= abs(drift) <= _MOST_DRIFT or sharp[best] < _LEAST_SHARPER * sharp[drifts.size // 2]:
        return None
    return 1 + drift

"""Where the beats are: onset envelope, tempo and beat phase, by folding the envelope at each tempo. numpy only.

Octaves are ambiguous in music; between equal fits the one nearer to 110 bpm wins. Knows no meter and no bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_BPM, MAX_BPM = 55.0, 190.0
FOUND_CONFIDENCE = 0.2
_HOP_SECONDS = 0.005
_WINDOW_SECONDS = 0.016
_BEAT_WIDTH_SECONDS = 0.03
_PRIOR_BPM, _PRIOR_OCTAVES = 110.0, 2.0
_EDGE_SECONDS = 0.03  # the first and last moments: audio that begins or is cut there is no onset
_LEAST_RISE = 1e-3  # mean rise of the log spectrum below which nothing happens
_FLOOR = 1e-3


@dataclass(frozen=True)
class Beat:
    """A steady beat: `bpm`, the time of one beat in [0, period) from the first sample, and how sure it is, 0 to 1."""

    bpm: float
    first_beat_seconds: float
    confidence: float

    @property
    def period_seconds(self) -> float:
        return 60.0 / self.bpm

    @property
    def found(self) -> bool:
        return self.confidence >= FOUND_CONFIDENCE


def onset_envelope(samples: NDArray[Any], sample_rate: int) -> tuple[NDArray[np.float64], float]:
    """Rise of the log spectrum of (channels, n), one value each 5 ms; and the time of the first value in seconds."""
    mono = samples.mean(axis=0).astype(np.float64)
    hop = max(1, round(_HOP_SECONDS * sample_rate))
    size = 1 << round(np.log2(_WINDOW_SECONDS * sample_rate))
    padded = np.concatenate([np.zeros(size), mono, np.zeros(size)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]  # (F, size)
    rises = [_rises(block) for block in _blocks(frames)]
    envelope = np.concatenate(rises)[: mono.size // hop + 2]
    return envelope, (hop - size / 2) / sample_rate


def _blocks(frames: NDArray[np.float64], length: int = 2048) -> list[NDArray[np.float64]]:
    """Blocks that overlap by one frame, so that memory stays small."""
    return [frames[max(0, i - 1) : i + length] for i in range(0, len(frames), length)]


def _rises(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    window = np.hanning(frames.shape[1])
    spectrum = np.log(_FLOOR + np.abs(np.fft.rfft(frames * window)) / np.sqrt(frames.shape[1]))  # (F, bins)
    return np.maximum(np.diff(spectrum, axis=0), 0).mean(axis=1)


def estimate_beat(samples: NDArray[Any], sample_rate: int, bpm: float | None = None) -> Beat:
    """Tempo and phase of (channels, n); with `bpm` given, only the phase. Confidence 0 where nothing happens."""
    envelope, offset = onset_envelope(samples, sample_rate)
    hop = max(1, round(_HOP_SECONDS * sample_rate)) / sample_rate
    if envelope.size < 8 or samples.shape[1] < sample_rate * 0.2:
        return Beat(bpm or 120.0, 0.0, 0.0)
    times = (np.arange(envelope.size) * hop + offset).astype(np.float64)
    inside = (times > _EDGE_SECONDS) & (times < samples.shape[1] / sample_rate - _EDGE_SECONDS)
    envelope = np.where(inside, np.maximum(envelope - np.median(envelope), 0), 0.0)
    if envelope.mean() < _LEAST_RISE:
        return Beat(bpm or 120.0, 0.0, 0.0)
    if bpm is not None:
        return Beat(bpm, *_fold(envelope, times, bpm))
    tempo = _tempo(envelope, times)
    phase, share = _fold(envelope, times, tempo)
    tempo, phase = _refined(envelope, times, tempo, phase)
    return Beat(tempo, phase, share)


def _refined(
    envelope: NDArray[np.float64], times: NDArray[np.float64], bpm: float, phase: float
) -> tuple[float, float]:
    """Tempo and phase by a weighted straight line through the onsets near each beat."""
    period = 60.0 / bpm
    beat = np.rint((times - phase) / period)
    near = np.abs(times - phase - beat * period) <= _BEAT_WIDTH_SECONDS
    weight = envelope * near
    if np.unique(beat[weight > 0]).size < 4:
        return bpm, phase
    slope, start = np.polyfit(beat, times, 1, w=np.sqrt(weight))
    if abs(slope / period - 1) > 0.01:
        return bpm, phase
    return float(60.0 / slope), float(np.mod(start, slope))


def _tempo(envelope: NDArray[np.float64], times: NDArray[np.float64]) -> float:
    coarse = np.arange(MIN_BPM, MAX_BPM, 0.5)
    best = coarse[np.argmax([_score(envelope, times, b) for b in coarse])]
    for step in (0.1, 0.02):
        near = best + step * np.arange(-6, 7)
        best = near[np.argmax([_score(envelope, times, b) for b in near])]
    return float(best)


def _score(envelope: NDArray[np.float64], times: NDArray[np.float64], bpm: float) -> float:
    """Matched filter of a pulse train, weighted by how usual the tempo is."""
    share = _histogram(envelope, times, bpm)[0].max()
    prior = np.exp(-0.5 * (np.log2(bpm / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2)
    period = 60.0 / bpm
    chance = min(1.0, _BEAT_WIDTH_SECONDS / period)
    return float((share - chance) * np.sqrt(period) * prior)


def _histogram(
    envelope: NDArray[np.float64], times: NDArray[np.float64], bpm: float
) -> tuple[NDArray[np.float64], int]:
    """Share of the envelope that falls on each phase of the beat (a beat's width around it)."""
    period = 60.0 / bpm
    bins = max(8, round(period / (_BEAT_WIDTH_SECONDS / 6)))
    index = np.floor(np.mod(times, period) / period * bins).astype(int) % bins
    counts = np.bincount(index, envelope, bins)
    total = counts.sum()
    wide = np.sum([np.roll(counts, k) for k in range(-3, 4)], axis=0)
    return np.asarray(wide / total if total > 0 else wide, dtype=np.float64), bins


def _fold(envelope: NDArray[np.float64], times: NDArray[np.float64], bpm: float) -> tuple[float, float]:
    """Phase of the beat in seconds (centroid of the fullest phase), and the share beyond chance."""
    period = 60.0 / bpm
    shares, bins = _histogram(envelope, times, bpm)
    centre = (int(np.argmax(shares)) + 0.5) / bins * period
    distance = np.mod(times - centre + period / 2, period) - period / 2
    near = np.abs(distance) <= _BEAT_WIDTH_SECONDS
    weight = envelope * near
    shift = float((weight * distance).sum() / weight.sum()) if weight.sum() > 0 else 0.0
    chance = min(1.0, 7 / bins)
    share = float((shares.max() - chance) / (1 - chance)) if chance < 1 else 0.0
    return float(np.mod(centre + shift, period)), max(0.0, share)


def phase_error_seconds(a: Beat, b: Beat, distance_seconds: float) -> float:
    """How late `b`'s beats are on `a`'s grid; `b` starts `distance_seconds` after `a`. Within half a period."""
    period = a.period_seconds
    late = b.first_beat_seconds + distance_seconds - a.first_beat_seconds
    return float(np.mod(late + period / 2, period) - period / 2)

"""Loudness after ITU-R BS.1770 (pyloudnorm), and the gain that lets new material follow its context."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_GAIN_DB = 12.0  # what a model lets hiss rises with it
NOISE_LUFS = -50.0  # a new part below it is not turned up
SILENCE_LUFS = -60.0  # a context below it is nothing to follow
_BLOCK_SECONDS = 0.4
SILENT_LUFS = -120.0
TRUE_PEAK_DB = -1.0
_OVERSAMPLED = 4
_PEAK_BLOCK = 32  # samples; the oversampling's filter reaches 10 to each side
_MOST_OVERSHOOT = 2.5  # of a value between samples over the largest that its filter reaches: its taps add up to 2.1
_LIMITER_TRIES = 6


def loudness_lufs(samples: NDArray[Any], sample_rate: int) -> float:
    """Integrated loudness of (channels, n), gated; -120 for silence. Shorter than 0.4 s is measured as one block."""
    block = min(_BLOCK_SECONDS, (samples.shape[1] - 0.5) / sample_rate)
    if samples.shape[1] < 32:
        return SILENT_LUFS
    import pyloudnorm  # and scipy.signal with it: more than half a second

    meter = pyloudnorm.Meter(sample_rate, block_size=block)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = float(meter.integrated_loudness(samples.T.astype(np.float64)))
    return value if math.isfinite(value) else SILENT_LUFS


def matching_gain_db(new: NDArray[Any], context: NDArray[Any], sample_rate: int) -> float:
    """Decibels that bring `new` to the loudness of `context`, as `gain_between_db`."""
    return gain_between_db(loudness_lufs(new, sample_rate), loudness_lufs(context, sample_rate))


def gain_between_db(got: float, wanted: float) -> float:
    """Decibels from one loudness in LUFS to another: 12 up at most, down without limit.

    0 where what is wanted is below -60 LUFS, which is silence, and where less than -50 LUFS would be turned up.
    """
    if wanted < SILENCE_LUFS or got < min(NOISE_LUFS, wanted):
        return 0.0
    return min(wanted - got, MOST_GAIN_DB)


def headroom_db(new: NDArray[Any], source_peak: float) -> float:
    """The most that `new` can be raised before its peaks pass full scale, or the source's where that is higher."""
    peak = float(np.abs(new).max(initial=0.0))
    return 20.0 * math.log10(max(1.0, source_peak) / peak) if peak > 0.0 else math.inf


def true_peak_db(samples: NDArray[Any]) -> float:
    """Peak of (channels, n) between the samples as well, in dB of full scale (BS.1770: four times oversampled)."""
    loudest = float(np.abs(samples).max(initial=0.0))
    peak = max(loudest, _peak_between(samples.astype(np.float64), loudest))
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


def _peak_between(samples: NDArray[np.float64], loudest: float) -> float:
    """The largest value between the samples (channels, n) where one may be over `loudest`, the largest sample.

    A block of samples cannot be where none near it is within _MOST_OVERSHOOT of the largest: the others are left out,
    and of those that are kept for the sake of their neighbours nothing is looked at.
    """
    from scipy.signal import resample_poly

    blocks = np.abs(samples).max(axis=0)
    blocks = np.pad(blocks, (0, -blocks.size % _PEAK_BLOCK)).reshape(-1, _PEAK_BLOCK).max(axis=1)
    looked_at = _with_neighbours(blocks * _MOST_OVERSHOOT >= loudest)
    kept = _with_neighbours(looked_at).repeat(_PEAK_BLOCK)[: samples.shape[1]]
    if loudest <= 0 or not kept.any():
        return 0.0
    between = resample_poly(samples[:, kept], _OVERSAMPLED, 1, axis=1)
    wanted = looked_at.repeat(_PEAK_BLOCK)[: samples.shape[1]][kept].repeat(_OVERSAMPLED)
    return float(np.abs(between).max(axis=0)[wanted].max())


def _with_neighbours(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True also where the block before or after is."""
    wider = blocks.copy()
    wider[1:] |= blocks[:-1]
    wider[:-1] |= blocks[1:]
    return wider


def limited(samples: NDArray[np.float64], sample_rate: int, ceiling_db: float = TRUE_PEAK_DB) -> NDArray[np.float64]:
    """The samples (channels, n) with true peaks at most at the ceiling; as they are where they already are.

    pedalboard's limiter estimates peaks between samples, so its ceiling is lowered by what is left above ours.
    """
    over = true_peak_db(samples) - ceiling_db
    if over <= 0:
        return samples
    from pedalboard import BrickwallLimiter

    ceiling, reduced = ceiling_db, samples
    for _ in range(_LIMITER_TRIES):
        limiter = BrickwallLimiter(ceiling_db=ceiling, true_peak=True)
        reduced = limiter(samples.astype(np.float32), sample_rate).astype(np.float64)
        over = true_peak_db(reduced) - ceiling_db
        if over <= 0:
            return reduced
        ceiling -= over + 0.02
    return reduced * 10 ** (-(over + 0.02) / 20)

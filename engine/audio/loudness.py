"""Loudness after ITU-R BS.1770 (pyloudnorm), and the gain that lets new material follow its context."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_GAIN_DB = 6.0
QUIET_LUFS = -50.0
_BLOCK_SECONDS = 0.4
SILENT_LUFS = -120.0
TRUE_PEAK_DB = -1.0
_OVERSAMPLED = 4
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
    """Decibels that bring `made` to the loudness of `context`: at most 6 either way, 0 where either is near silence."""
    if context.shape[1] == 0 or new.shape[1] == 0:
        return 0.0
    wanted, got = loudness_lufs(context, sample_rate), loudness_lufs(new, sample_rate)
    if wanted < QUIET_LUFS or got < QUIET_LUFS:
        return 0.0
    return float(np.clip(wanted - got, -MAX_GAIN_DB, MAX_GAIN_DB))


def headroom_db(new: NDArray[Any], source: NDArray[Any]) -> float:
    """The most that `made` can be raised before its peaks pass full scale, or the source's where those are higher."""
    peak, allowed = (float(np.abs(part).max(initial=0.0)) for part in (new, source))
    return 20.0 * math.log10(max(1.0, allowed) / peak) if peak > 0.0 else math.inf


def true_peak_db(samples: NDArray[Any]) -> float:
    """Peak of (channels, n) between the samples as well, in dB of full scale (BS.1770: four times oversampled)."""
    if samples.shape[1] == 0:
        return -math.inf
    from scipy.signal import resample_poly

    between = resample_poly(samples.astype(np.float64), _OVERSAMPLED, 1, axis=1)
    peak = max(float(np.abs(between).max()), float(np.abs(samples).max()))
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


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

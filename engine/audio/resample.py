"""Sample-rate conversion of what the model made, to the rate of the source or of the request (soxr, no torch)."""

from __future__ import annotations

import numpy as np
import soxr

from engine.audio.buffer import Audio, Samples


def resample(audio: Audio, sample_rate: int, length: int | None = None) -> Audio:
    """The same audio at another rate: ceil(n to / from) samples, or exactly `length` (cut, or silence added)."""
    samples = audio.samples
    if sample_rate != audio.sample_rate:
        resampled = soxr.resample(np.ascontiguousarray(samples.T), audio.sample_rate, sample_rate, quality="VHQ")
        expected = -(-audio.frames * sample_rate // audio.sample_rate)
        samples = fit_length(np.ascontiguousarray(resampled.T, dtype=np.float32), expected)
    return Audio(fit_length(samples, length), sample_rate)


def fit_length(samples: Samples, length: int | None) -> Samples:
    """(channels, n) cut, or filled with silence, to `length` samples."""
    if length is None or samples.shape[1] == length:
        return samples
    if samples.shape[1] > length:
        return np.ascontiguousarray(samples[:, :length])
    return np.pad(samples, ((0, 0), (0, length - samples.shape[1])))

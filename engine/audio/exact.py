"""A file's own numbers and float audio: there and back. Integer samples are int32, left-justified. No files here.

The source's samples never go through float32, so 32-bit integers and 64-bit floats stay what they are. Only what is
regenerated is rounded, with triangular dither of one step at 8 and 16 bits (24 bits are finer than any converter), and
none on digital silence, so that silence stays silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 2.0**31
DITHERED_BITS = 16
_DITHER_SEED = 0x5EA


def to_float(exact: NDArray[Any]) -> NDArray[np.float64]:
    """The file's numbers at full scale +-1, in float64, which holds every one of them exactly."""
    if exact.dtype.kind == "i":
        return exact.astype(np.float64) / FULL_SCALE
    return exact.astype(np.float64)


def from_float(samples: NDArray[Any], like: np.dtype[Any], bits: int | None, position: int = 0) -> NDArray[Any]:
    """Float audio in a file's own numbers: dtype `like`, for integers rounded to `bits` and clipped at full scale.

    `position` is where the samples stand in the file; it seeds the dither, so that equal input gives equal files.
    """
    if like.kind == "f":
        return samples.astype(like, copy=False)
    assert bits is not None
    steps = 2.0 ** (bits - 1)
    scaled = samples.astype(np.float64) * steps
    if bits <= DITHERED_BITS:
        scaled = scaled + _dither(scaled, position)
    rounded = np.clip(np.rint(scaled), -steps, steps - 1).astype(np.int64)
    return (rounded << (32 - bits)).astype(np.int32)


def _dither(scaled: NDArray[np.float64], position: int) -> NDArray[np.float64]:
    """Triangular noise of one step either way; none where a sample is digital silence."""
    random = np.random.Generator(np.random.Philox(key=[_DITHER_SEED, position % 2**63]))
    noise = random.random(scaled.shape) - random.random(scaled.shape)
    return np.where(scaled == 0.0, 0.0, noise)


def match_channels(samples: NDArray[Any], channels: int) -> NDArray[Any]:
    """(channels, n): mono is duplicated, stereo averaged."""
    if samples.shape[0] == channels:
        return samples
    if channels == 1:
        return samples.mean(axis=0, keepdims=True, dtype=samples.dtype)
    return np.repeat(samples[:1], channels, axis=0)

"""What the beat network hears: a log spectrogram, 50 frames a second, 64 bands from 30 Hz to 10 kHz. Numbers only."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

FRAMES_A_SECOND = 50
BANDS = 64
_WINDOW_SECONDS = 0.046
_LOWEST_HZ, _HIGHEST_HZ = 30.0, 10000.0
_KNEE_HZ = 300.0  # below it bands are about evenly wide, above it they widen with frequency
_LOUDEST = 100.0  # of the compression: log(1 + 100 x), x as a share of the mean
_NOTHING = 1e-7
_BLOCK = 512
Array = NDArray[np.float32]


def beat_frames(samples: NDArray[Any], sample_rate: int) -> Array:
    """Frames of (channels, n): float32 (steps, 64), the k-th around k / 50 s. Does not depend on the level."""
    mono = samples.mean(axis=0, dtype=np.float32)
    size = 1 << round(np.log2(_WINDOW_SECONDS * sample_rate))
    count = int(mono.size / sample_rate * FRAMES_A_SECOND)
    starts = np.round(np.arange(count) * (sample_rate / FRAMES_A_SECOND)).astype(np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(mono, size // 2), size)
    window = np.hanning(size).astype(np.float32)
    bands = _bands(size, sample_rate)
    bins = len(bands)
    blocks = (frames[starts[i : i + _BLOCK]] * window for i in range(0, count, _BLOCK))
    loud = [np.abs(rfft(block, axis=1)[:, :bins]) @ bands for block in blocks]
    levels = np.concatenate(loud) if loud else np.zeros((0, BANDS), np.float32)
    mean = float(levels.mean()) if levels.size else 0.0
    return np.log1p(levels * np.float32(_LOUDEST / max(mean, _NOTHING)))


@cache
def _bands(size: int, sample_rate: int) -> Array:
    """Triangles over the bins of a spectrum, each of its own width: (bins, 64)."""

    def place(hertz: Any) -> Any:
        return np.log1p(np.asarray(hertz) / _KNEE_HZ)

    edges = np.linspace(place(_LOWEST_HZ), place(_HIGHEST_HZ), BANDS + 2)
    hertz = np.arange(size // 2 + 1) * sample_rate / size
    at = place(hertz[hertz <= _HIGHEST_HZ])[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    empty = np.flatnonzero(triangles.sum(axis=0) <= 0)  # narrower than a bin: the nearest one
    triangles[np.abs(at - edges[1:-1][empty]).argmin(axis=0), empty] = 1.0
    return np.asarray(2 / size * triangles * (sample_rate / size) / (22050 / 1024), np.float32)

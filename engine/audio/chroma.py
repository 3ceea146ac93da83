"""Chromagrams, and how well they fit Krumhansl and Kessler's key profiles (1982). numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_PROFILES = {"major": _MAJOR, "minor": _MINOR}
_LOW_HZ, _HIGH_HZ = 60.0, 2000.0
_A4_HZ, _A_INDEX = 440.0, 9
_FRAME_SECONDS = 0.19


def chroma(samples: NDArray[Any], sample_rate: int) -> NDArray[np.float64]:
    """Share of each pitch class, C first, in the peaks of the spectrum of (channels, n): (12,), zeros for silence."""
    mono = samples.mean(axis=0).astype(np.float64)
    size = 1 << round(np.log2(_FRAME_SECONDS * sample_rate))
    mono = np.pad(mono, (0, max(0, size - mono.size)))
    frames = np.lib.stride_tricks.sliding_window_view(mono, size)[:: size // 2]
    window = np.hanning(size)
    spectrum = sum((np.abs(np.fft.rfft(frame * window)) for frame in frames), np.zeros(size // 2 + 1))
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    peak = np.zeros(spectrum.size, dtype=bool)
    peak[1:-1] = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] >= spectrum[2:])
    peak &= (hertz >= _LOW_HZ) & (hertz <= _HIGH_HZ)
    pitch = np.rint(12 * np.log2(hertz[peak] / _A4_HZ)).astype(int) + _A_INDEX
    classes = np.bincount(np.mod(pitch, 12), spectrum[peak], 12)
    total = classes.sum()
    return classes / total if total > 1e-9 else np.zeros(12)


def profile_fit(chroma: NDArray[np.float64], root: int, mode: str) -> float:
    """Correlation of a chromagram (12,) that is not flat with a key's profile, -1 to 1."""
    return float(np.corrcoef(np.roll(chroma, -root), _PROFILES[mode])[0, 1])

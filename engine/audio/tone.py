"""Brightness and stereo width of music, and a gentle match of one piece to another. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_TILT_DB, MOST_WIDTH_DB = 1.5, 3.0  # an octave; of the sides against the middle
_LEAST_TILT_DB, _LEAST_WIDTH_DB = 0.2, 0.5
_SIZE = 4096
_LOWEST_HZ, _HIGHEST_HZ, _PIVOT_HZ = 100.0, 8000.0, 1000.0
_AUDIBLE = 1e-4  # -80 dB
_PADDED_SECONDS = 0.1


@dataclass(frozen=True)
class Toned:
    """Samples (channels, n) after a match: how much brighter in dB an octave, how much wider in dB they became."""

    samples: NDArray[np.float64]
    tilt_db: float = 0.0
    width_db: float = 0.0


def tilt_db(samples: NDArray[Any], rate: int) -> float | None:
    """Slope of the spectrum from 100 Hz to 8 kHz in dB an octave, in third-octave bands; None for too little sound."""
    mono = samples.mean(axis=0)
    if mono.size < _SIZE or not np.any(np.abs(mono) > _AUDIBLE):
        return None
    frames = np.lib.stride_tricks.sliding_window_view(mono, _SIZE)[:: _SIZE // 2]
    window = np.hanning(_SIZE)
    power = np.mean([np.abs(np.fft.rfft(f * window)) ** 2 for f in frames[:512]], axis=0)
    hertz = np.fft.rfftfreq(_SIZE, 1 / rate)
    edges = _LOWEST_HZ * 2 ** (np.arange(20) / 3)
    edges = edges[edges < min(_HIGHEST_HZ, rate / 2.2)]
    levels = [power[(hertz >= a) & (hertz < b)].sum() for a, b in pairwise(edges)]
    octaves = np.arange(len(levels)) / 3
    return float(np.polyfit(octaves, 10 * np.log10(np.array(levels) + 1e-9), 1)[0])


def width_db(samples: NDArray[Any]) -> float | None:
    """Power of the sides against the middle in dB; None for what is not stereo, or has only one of the two."""
    if samples.shape[0] != 2 or samples.shape[1] == 0:
        return None
    middle, side = (float(np.mean(((samples[0] + sign * samples[1]) / 2) ** 2)) for sign in (1, -1))
    return 10 * float(np.log10(side / middle)) if min(middle, side) > _AUDIBLE**2 else None


def toned(samples: NDArray[np.float64], like: NDArray[Any], rate: int) -> Toned:
    """Samples with their tilt and width brought to those of `like`: at most 1.5 dB an octave and 3 dB either way."""
    tilt = _change(tilt_db(samples, rate), tilt_db(like, rate), _LEAST_TILT_DB, MOST_TILT_DB)
    tilted = _tilted(samples, rate, tilt) if tilt else samples
    width = _change(width_db(tilted), width_db(like), _LEAST_WIDTH_DB, MOST_WIDTH_DB)
    return Toned(_widened(tilted, width) if width else tilted, tilt, width)


def _change(is_: float | None, wanted: float | None, least: float, most: float) -> float:
    if is_ is None or wanted is None or abs(wanted - is_) < least:
        return 0.0
    return float(np.clip(wanted - is_, -most, most))


def _tilted(samples: NDArray[np.float64], rate: int, slope_db: float) -> NDArray[np.float64]:
    """Without a shift in time: a slope around 1 kHz between 100 Hz and 8 kHz, level outside of it."""
    pad = round(_PADDED_SECONDS * rate)
    padded = np.pad(samples, ((0, 0), (pad, pad)), mode="reflect" if samples.shape[1] > pad else "constant")
    hertz = np.fft.rfftfreq(padded.shape[1], 1 / rate)
    octaves = np.log2(np.clip(hertz, _LOWEST_HZ, _HIGHEST_HZ) / _PIVOT_HZ)
    made = np.fft.irfft(np.fft.rfft(padded, axis=1) * 10 ** (slope_db * octaves / 20), padded.shape[1], axis=1)
    return np.asarray(made[:, pad : pad + samples.shape[1]])


def _widened(samples: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    middle, side = (samples[0] + samples[1]) / 2, (samples[0] - samples[1]) / 2
    side = side * 10 ** (width / 20)
    return np.stack([middle + side, middle - side])

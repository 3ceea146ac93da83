"""Fixed rules on audio, by which nano is judged: tempo, grid, key, instruments, loudness. numpy and scipy only.

No learned judge and no model. Each rule is run on true clips too, which gives its ceiling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d
from scipy.signal import lfilter, stft

from engine.audio.chords import best_key
from engine.grid.harmony import KEYS

ONSET_HOP = 256
TEMPO_RANGE = (55.0, 190.0)
OCTAVES = (0.5, 1.0, 2.0)
DRUM_HELD, DRUM_NOISE, DRUM_LOW, BASS_SHARE, PAD_SHARE = 0.7, 0.5, 0.2, 0.75, 0.05


def magnitudes(audio: np.ndarray, rate: int, size: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """(2, n) or (n,) audio, mixed to mono -> frequencies (bins,) and magnitudes (bins, frames)."""
    mono = audio.mean(axis=0) if audio.ndim == 2 else audio
    hertz, _, spectrum = stft(mono, rate, nperseg=size, noverlap=size - hop, boundary="zeros", padded=True)
    return hertz, np.abs(spectrum)


def onset_strength(audio: np.ndarray, rate: int, low: float = 30.0, high: float = 16000.0) -> tuple[np.ndarray, float]:
    """Rising log magnitudes summed over a band, and its frames a second."""
    hertz, size = magnitudes(audio, rate, 1024, ONSET_HOP)
    band = size[(hertz >= low) & (hertz < high)]
    log = np.log1p(1000.0 * band)
    rise = np.maximum(0.0, log[:, 2:] - log[:, :-2]).mean(axis=0)
    rise = np.concatenate([[0.0], rise, [0.0]])
    return np.maximum(0.0, rise - uniform_filter1d(rise, int(0.4 * rate / ONSET_HOP))), rate / ONSET_HOP


def onset_times(audio: np.ndarray, rate: int, low: float = 30.0, high: float = 16000.0) -> np.ndarray:
    """Times in seconds of clear peaks of the onset strength."""
    strength, frames = onset_strength(audio, rate, low, high)
    wide = maximum_filter1d(strength, int(0.06 * frames) | 1)
    peaks = np.flatnonzero((strength == wide) & (strength > 0.15 * strength.max()) & (strength > 0.03))
    return peaks / frames


def tempo(audio: np.ndarray, rate: int) -> float:
    """Quarter notes a minute: the beat whose halves and quarters hold most of the onset strength's spectrum.

    A spectrum has no subharmonics, so two thirds of the tempo, autocorrelation's usual error, is not found.
    """
    strength, frames = onset_strength(audio, rate)
    windowed = (strength - strength.mean()) * np.hanning(len(strength))
    spectrum = np.abs(np.fft.rfft(windowed, 1 << 17))
    hertz = np.fft.rfftfreq(1 << 17, 1.0 / frames)
    candidates = np.arange(*TEMPO_RANGE, 0.1)
    at = [np.interp(candidates / 60.0 * factor, hertz, spectrum) for factor in (1.0, 2.0, 4.0)]
    prior = np.exp(-0.5 * (np.log2(candidates / 115.0) / 1.0) ** 2)
    return float(candidates[np.argmax((at[0] + at[1] + at[2]) * prior)])


def same_tempo(bpm: float, asked: float, tolerance: float) -> bool:
    """Within `tolerance` (a share) of the asked tempo, its half or its double."""
    return any(abs(bpm / (asked * factor) - 1.0) <= tolerance for factor in OCTAVES)


def grid_errors(onsets: np.ndarray, positions_of: np.ndarray) -> np.ndarray:
    """Distance in seconds of each onset to the nearest grid position."""
    if not len(onsets):
        return np.zeros(0)
    index = np.clip(np.searchsorted(positions_of, onsets), 1, len(positions_of) - 1)
    return np.minimum(np.abs(onsets - positions_of[index - 1]), np.abs(onsets - positions_of[index]))


def beat_offset(audio: np.ndarray, rate: int, beats: np.ndarray) -> float:
    """Seconds by which the onsets come after the beats (within half a beat either way), by correlation."""
    strength, frames = onset_strength(audio, rate)
    half = 0.5 * float(np.median(np.diff(beats)))
    shifts = np.arange(-half, half, 0.002)
    at = (beats[None, :] + shifts[:, None]) * frames
    sums = np.interp(at, np.arange(len(strength)), strength, left=0.0, right=0.0).sum(axis=1)
    return float(shifts[np.argmax(sums)])


def chroma(audio: np.ndarray, rate: int, power: float = 0.5) -> np.ndarray:
    """Held spectral peaks between 80 and 1500 Hz, their magnitudes to a power, for each pitch class; sum 1 or 0.

    A power of 2 gives shares of the energy; a low one lets quiet notes count, which finds keys better.
    """
    hertz, size = magnitudes(audio, rate, 16384, 4096)
    steady = np.minimum(size, median_filter(size, (1, 3)))
    left, middle, right = steady[:-2], steady[1:-1], steady[2:]
    peaks = (middle > left) & (middle >= right) & (middle > 0.01 * steady.max())
    rows, columns = np.nonzero(peaks & ((hertz[1:-1] > 80) & (hertz[1:-1] < 1500))[:, None])
    above, below, top = right[rows, columns], left[rows, columns], middle[rows, columns]
    place = rows + 1 + 0.5 * (above - below) / (2 * top - above - below + 1e-12)
    hertz_of_peak = place * (hertz[1] - hertz[0])
    classes = np.round(69 + 12 * np.log2(hertz_of_peak / 440.0)).astype(int) % 12
    total = np.bincount(classes, weights=top**power, minlength=12).astype(float)
    return total / total.sum() if total.sum() > 0 else total


def share_in_key(audio: np.ndarray, rate: int, scale: tuple[int, ...]) -> float:
    """The part of the pitched energy on the pitch classes of a scale; 0.58 by chance for seven of twelve."""
    return float(chroma(audio, rate, power=2.0)[[c % 12 for c in scale]].sum())


def key(audio: np.ndarray, rate: int, bars: Sequence[tuple[float, float]]) -> tuple[int, str] | None:
    """Root (0 = C) and mode of music whose bars (start, end in seconds) are known; None where nothing pitched is heard.

    The scale is that of `best_key`; of a key and its relative it is the one whose first triad is heard in the bars that
    open a phrase of four, the first bar given being one. A key profile alone finds the root of 0.7 of true clips, since
    progressions such as i VII VI VII hardly dwell on the tonic.
    """
    chromas = np.array([bar_chroma(audio, rate, bar) for bar in bars]).reshape(-1, 12)
    index = best_key(chromas, [(one.root, one.mode, one.triads) for one in KEYS])
    if index is None:
        return None
    heard, opening = chromas[chromas.any(axis=1)], chromas[::4].sum(axis=0)
    opening = opening if opening.any() else heard[0]
    related = [one for one in KEYS if one.scale_classes == KEYS[index].scale_classes]
    best = max(related, key=lambda one: opening[list(one.chord(0))].sum())
    return best.root, best.mode


def bar_chroma(audio: np.ndarray, rate: int, bar: tuple[float, float], power: float = 0.5) -> np.ndarray:
    """`chroma` of a bar (start, end in seconds); zeros where less than half a second of it is there."""
    part = audio[..., int(max(0.0, bar[0]) * rate) : int(bar[1] * rate)]
    return chroma(part, rate, power) if part.shape[-1] > 0.5 * rate else np.zeros(12)


@dataclass(frozen=True)
class Features:
    """What tells stems apart: energy below 200 Hz and below 300 Hz, noise (flatness of 2 to 12 kHz at onsets), and what
    is held: the share of the energy that stays in its band of frequencies for a fifth of a second."""

    below_200: float
    below_300: float
    noise: float
    attack: float
    held: float


def features(audio: np.ndarray, rate: int) -> Features:
    """Features of one stem. `attack` is the mean of the highest tenth of the rises of the level, in nats a frame."""
    hertz, size = magnitudes(audio, rate, 2048, 512)
    energy = size**2
    total = energy.sum() + 1e-12
    band = size[(hertz > 2000) & (hertz < 12000)] + 1e-7
    loud = band.mean(axis=0) >= np.quantile(band.mean(axis=0), 0.8)
    flatness = np.exp(np.log(band[:, loud]).mean(axis=0)) / band[:, loud].mean(axis=0)
    level = np.log(size.sum(axis=0) + 1e-3 * size.sum(axis=0).max() + 1e-9)
    rises = np.sort(np.maximum(0.0, np.diff(level)))[::-1]
    return Features(
        below_200=float(energy[hertz < 200].sum() / total),
        below_300=float(energy[hertz < 300].sum() / total),
        noise=float(np.median(flatness)),
        attack=float(rises[: max(1, len(rises) // 10)].mean()),
        held=_held(audio, rate),
    )


def _held(audio: np.ndarray, rate: int) -> float:
    _, size = magnitudes(audio, rate, 4096, 1024)
    steady = np.minimum(size, median_filter(size, (1, 9)))
    return float((steady**2).sum() / ((size**2).sum() + 1e-12))


def stem_of(features: Features) -> str:
    """drums, bass, pad or lead, by thresholds fixed on true stems: strokes do not stay, notes do."""
    if features.held < DRUM_HELD and (features.noise > DRUM_NOISE or features.below_200 > DRUM_LOW):
        return "drums"
    if features.below_200 > BASS_SHARE:
        return "bass"
    return "pad" if features.below_300 > PAD_SHARE else "lead"


def chord_tone_share(
    audio: np.ndarray, rate: int, bars: Sequence[tuple[float, float]], triads: Sequence[Sequence[int]]
) -> float:
    """Mean over bars (start, end in seconds) of the energy's share on the tones of the triad that fits the bar best.

    Bars that are silent or shorter than half a second are left out; 0 where none is left.
    """
    shares = []
    for bar in bars:
        chroma_of_bar = bar_chroma(audio, rate, bar, power=2.0)
        if chroma_of_bar.any():
            shares.append(max(float(chroma_of_bar[list(triad)].sum()) for triad in triads))
    return float(np.mean(shares)) if shares else 0.0


def onset_peaks(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and strengths of all local maxima of the onset strength."""
    strength, frames = onset_strength(audio, rate)
    peaks = np.flatnonzero((strength == maximum_filter1d(strength, int(0.06 * frames) | 1)) & (strength > 0.0))
    return peaks / frames, strength[peaks]


def loudness(audio: np.ndarray, rate: int) -> float:
    """K-weighted loudness in LUFS, ungated (ITU-R BS.1770-4; its filters are for 48 kHz and used as they are)."""
    weighted = lfilter(
        [1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585], audio
    )
    weighted = lfilter([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621], weighted)
    power = np.mean(weighted**2, axis=-1).sum()
    return float(-0.691 + 10.0 * np.log10(power + 1e-12))

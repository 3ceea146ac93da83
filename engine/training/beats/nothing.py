"""Music and sounds without a beat: pads, notes at any time, syllables, noise. What the network must stay silent at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from engine.training.beats.changes import Performance
from engine.training.beats.scores import DRUMS
from engine.training.beats.sound import RATE, Audio

_PADS = (*range(48, 55), *range(88, 96), 16, 19, 20, 75, 77)
_STRUCK = (*range(16), 24, 26, 45, 46, 108, 112, 114)


def pads(seconds: float, rng: np.random.Generator) -> Performance:
    """Long chords of soft instruments that overlap, each as long as it likes."""
    notes, at = [], -2.0
    while at < seconds:
        length = rng.uniform(2.0, 7.0)
        for pitch in rng.choice(np.arange(36, 80), int(rng.integers(1, 5)), replace=False):
            notes.append(
                (max(0.0, at + rng.uniform(0, 0.3)), length, int(pitch), rng.uniform(0.2, 0.8), int(rng.integers(3)))
            )
        at += length * rng.uniform(0.3, 0.9)
    return _performance(notes, {channel: int(rng.choice(_PADS)) for channel in range(3)})


def at_any_time(seconds: float, rng: np.random.Generator) -> Performance:
    """Notes and drums of a Poisson process, chords sometimes."""
    notes, at, rate = [], 0.0, np.exp(rng.uniform(np.log(0.7), np.log(8)))
    drums = rng.random() < 0.4
    while (at := at + rng.exponential(1 / rate)) < seconds:
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            hit = drums and rng.random() < 0.5
            pitch = int(rng.choice([36, 38, 42, 46, 49, 56])) if hit else int(rng.integers(40, 90))
            channel = DRUMS if hit else int(rng.integers(2))
            notes.append((at + rng.uniform(0, 0.02), rng.uniform(0.1, 2.0), pitch, rng.uniform(0.2, 1.0), channel))
    return _performance(notes, {channel: int(rng.choice(_STRUCK)) for channel in range(2)})


def _performance(notes: list[tuple[float, float, int, float, int]], programs: dict[int, int]) -> Performance:
    table = np.array(notes).reshape(-1, 5)
    whole = table[:, 2].astype(np.int64), table[:, 4].astype(np.int64)
    none = np.zeros(0)
    return Performance(table[:, 0], table[:, 1], whole[0], table[:, 3], whole[1], programs, none, none)


def syllables(seconds: float, rng: np.random.Generator) -> Audio:
    """A buzz through moving formants and noise between, in phrases: (n,)."""
    out = np.zeros(round(seconds * RATE) + 2 * RATE, np.float32)
    at, voice = 0.1, rng.uniform(80, 240)
    while at < seconds:
        for _ in range(int(rng.integers(2, 10))):
            length = float(np.clip(np.exp(rng.normal(np.log(0.18), 0.4)), 0.05, 0.6))
            sound = _syllable(voice, length, rng)
            out[round(at * RATE) :][: sound.size] += sound[: out.size - round(at * RATE)]
            at += length * rng.uniform(0.8, 1.1)
            if at > seconds:
                break
        at += rng.uniform(0.1, 1.0)
    return out[: round(seconds * RATE)]


def _syllable(voice: float, length: float, rng: np.random.Generator) -> Audio:
    n = round(length * RATE)
    pitch = voice * np.exp(rng.normal(0, 0.15)) * np.linspace(1, rng.uniform(0.8, 1.2), n)
    buzz = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0)
    tone = sum(
        gain * sosfilt(butter(1, [low, low * 1.25], "bandpass", fs=RATE, output="sos"), buzz)
        for low, gain in ((rng.uniform(250, 800), 1.0), (rng.uniform(800, 2300), 0.6), (2500.0, 0.3))
    )
    tone = np.asarray(tone) / max(float(np.abs(tone).max()), 1e-6) * np.hanning(n + 2)[1:-1] ** 0.5
    count = max(32, round(n * rng.uniform(0.1, 0.4)))
    hiss = sosfilt(butter(2, 2000, "highpass", fs=RATE, output="sos"), rng.normal(size=count)) * np.hanning(count)
    tone[:count] += hiss[:n] * rng.choice([0.0, 0.1, 0.4])
    return np.asarray(tone * rng.uniform(0.4, 1.0), np.float32)


def swells(seconds: float, rng: np.random.Generator) -> Audio:
    """Bands of noise and tones that rise and fall slowly, with crackle: (n,)."""
    t: NDArray[np.float64] = np.arange(round(seconds * RATE)) / RATE
    out = np.zeros(t.size)
    for _ in range(int(rng.integers(1, 6))):
        low = np.exp(rng.uniform(np.log(50), np.log(5000)))
        slow = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(0.03, 0.5) * t + rng.uniform(0, 6))
        if rng.random() < 0.5:
            out += np.sin(2 * np.pi * low / 4 * t) * slow * 0.3
        else:
            band = butter(1, [low, min(low * 2, 10500)], "bandpass", fs=RATE, output="sos")
            out += sosfilt(band, rng.normal(size=t.size)) * slow
    for at in rng.uniform(0, t.size - 400, int(rng.poisson(rng.choice([0, 3, 40]) * seconds))).astype(int):
        out[at : at + 200] += rng.normal(size=200) * np.exp(-np.arange(200) / 40) * rng.exponential(0.5)
    return out.astype(np.float32)

"""Drum strokes from noise and decaying sines, with settings drawn once a kit. Knows no score."""

from __future__ import annotations

import numpy as np

from engine.constants import MODEL_SAMPLE_RATE as RATE

DRUMS = ("kick", "snare", "clap", "hat", "open", "shaker", "rim", "tom", "ride", "crash")


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE), dtype=np.float32) / RATE


def band_noise(rng: np.random.Generator, samples: int, low: float, high: float) -> np.ndarray:
    """White noise between two frequencies with soft edges, peak near 1. (samples,) float32."""
    spectrum = rng.standard_normal(samples // 2 + 1) + 1j * rng.standard_normal(samples // 2 + 1)
    hertz = np.fft.rfftfreq(samples, 1.0 / RATE) + 1.0
    spectrum *= 1.0 / (1.0 + (low / hertz) ** 4) / (1.0 + (hertz / high) ** 4)
    noise = np.fft.irfft(spectrum, samples)
    return (noise / (np.abs(noise).max() + 1e-9)).astype(np.float32)


def _swept_sine(seconds: float, start_hz: float, end_hz: float, sweep: float, decay: float) -> np.ndarray:
    t = _time(seconds)
    phase = 2 * np.pi * (end_hz * t + (start_hz - end_hz) * sweep * (1.0 - np.exp(-t / sweep)))
    return np.sin(phase) * np.exp(-t / decay) * np.minimum(1.0, t * 2000)


def _noise(rng: np.random.Generator, seconds: float, low: float, high: float, decay: float) -> np.ndarray:
    t = _time(seconds)
    return band_noise(rng, len(t), low, high) * np.exp(-t / decay) * np.minimum(1.0, t * 4000)


def _kick(rng: np.random.Generator) -> np.ndarray:
    decay = rng.uniform(0.07, 0.2)
    body = _swept_sine(0.6, rng.uniform(150, 380), rng.uniform(42, 62), rng.uniform(0.012, 0.04), decay)
    click = _noise(rng, 0.03, 1500, 9000, 0.004) * rng.uniform(0.05, 0.3)
    body[: len(click)] += click
    return np.tanh(body * rng.uniform(1.0, 2.0))


def _snare(rng: np.random.Generator) -> np.ndarray:
    noise = _noise(rng, 0.5, rng.uniform(600, 1500), rng.uniform(7000, 13000), rng.uniform(0.04, 0.12))
    tone = _swept_sine(0.5, 300, rng.uniform(160, 230), 0.02, rng.uniform(0.04, 0.1))
    return 0.6 * noise + rng.uniform(0.25, 0.6) * tone


def _clap(rng: np.random.Generator) -> np.ndarray:
    clap = _noise(rng, 0.4, 800, rng.uniform(4000, 9000), rng.uniform(0.05, 0.11))
    for k in (1, 2):
        burst = _noise(rng, 0.03, 900, 7000, 0.008) * 0.7
        at = int(0.011 * k * RATE)
        clap[at : at + len(burst)] += burst
    return clap * 0.7


def _tom(rng: np.random.Generator) -> np.ndarray:
    hertz = rng.uniform(80, 160)
    return _swept_sine(0.5, hertz * 1.6, hertz, 0.04, rng.uniform(0.1, 0.2)) * 0.8


def _rim(rng: np.random.Generator) -> np.ndarray:
    tick = _noise(rng, 0.12, 1200, 6000, 0.008) * 0.5
    return tick + _swept_sine(0.12, 1900, rng.uniform(700, 1700), 0.003, 0.015) * 0.6


def _metal(rng: np.random.Generator, seconds: float, low: float, decay: float, level: float) -> np.ndarray:
    return _noise(rng, seconds, low, rng.uniform(13000, 18000), decay) * level


def make_kit(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One sound for each name in DRUMS, (n,) float32 with peaks near 1."""
    kit = {
        "kick": _kick(rng),
        "snare": _snare(rng),
        "clap": _clap(rng),
        "hat": _metal(rng, 0.15, rng.uniform(6000, 9000), rng.uniform(0.012, 0.035), 0.4),
        "open": _metal(rng, 0.6, rng.uniform(5000, 8000), rng.uniform(0.08, 0.2), 0.35),
        "shaker": _metal(rng, 0.15, rng.uniform(4000, 7000), rng.uniform(0.02, 0.04), 0.25),
        "rim": _rim(rng),
        "tom": _tom(rng),
        "ride": _metal(rng, 0.9, rng.uniform(4500, 7000), rng.uniform(0.15, 0.35), 0.2),
        "crash": _metal(rng, 2.0, rng.uniform(2500, 5000), rng.uniform(0.4, 0.8), 0.4),
    }
    return {name: sound.astype(np.float32) for name, sound in kit.items()}

"""Scores to stereo audio: voices, kit, levels, room. Knows no tags. Deterministic from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.training.music.drums import band_noise, make_kit
from engine.training.music.score import Score, Sweep
from engine.training.music.styles import INSTRUMENTS, STYLE_BY_NAME
from engine.training.music.voices import KINDS, make_voice

_LEVELS = {
    "drums": 0.8, "bass": 0.5, "pad": 0.2, "pluck": 0.3, "lead": 0.3,
    "keys": 0.28, "mallet": 0.4, "arp": 0.28, "riser": 0.3,
}  # fmt: skip


@dataclass(frozen=True)
class Mix:
    """A rendered score. `audio` (2, n) float32 at 44.1 kHz; brightness and room are what tags may mention."""

    audio: np.ndarray
    brightness: float
    room: float


def render(score: Score, seed: int, samples: int | None = None) -> Mix:
    """The score with timbres drawn from `seed`. Peaks stay below 0.98."""
    rng = np.random.default_rng([seed, 2])
    samples = samples or round(score.seconds * RATE)
    style = STYLE_BY_NAME[score.style]
    brightness = style.brightness * float(np.exp(rng.normal(0.0, 0.25)))
    room = float(np.clip(style.reverb * np.exp(rng.normal(0.0, 0.5)), 0.0, 0.8))
    dry = np.zeros((2, samples), dtype=np.float32)
    wet = np.zeros((2, samples), dtype=np.float32)
    for name in INSTRUMENTS:
        stem = _stem(rng, score, name, brightness, samples)
        if stem is None:
            continue
        level = _LEVELS[name] * 10.0 ** (rng.uniform(-3.0, 3.0) / 20.0)
        if style.drive and name in ("pluck", "lead", "bass"):
            stem = np.tanh(stem * (1.0 + 2.0 * style.drive))
        dry += stem * np.float32(level)
        wet += stem * np.float32(level * room * (0.3 if name in ("bass", "drums") else 1.0))
    if wet.any() and room > 0.03:
        dry += _reverberate(rng, wet, room)
    return Mix(_master(rng, dry), brightness, room)


def _stem(rng: np.random.Generator, score: Score, name: str, brightness: float, samples: int) -> np.ndarray | None:
    out = np.zeros((2, samples), dtype=np.float32)
    if name == "drums":
        _play_drums(rng, score, out)
    elif name == "riser":
        for sweep in score.sweeps:
            _add(out, _riser(rng, sweep), sweep.start)
    else:
        _play_notes(rng, score, name, brightness, out)
    return out if out.any() else None


def _play_drums(rng: np.random.Generator, score: Score, out: np.ndarray) -> None:
    kit = make_kit(rng)
    pans = {drum: _pan(rng.uniform(-0.3, 0.3) if drum not in ("kick", "snare") else 0.0) for drum in kit}
    tuned = {drum: pans[drum] * sound for drum, sound in kit.items()}
    for hit in score.hits:
        _add(out, tuned[hit.drum], hit.start, hit.velocity)


def _play_notes(rng: np.random.Generator, score: Score, name: str, brightness: float, out: np.ndarray) -> None:
    voice = make_voice(rng, KINDS[name][score.kinds[name]], brightness)
    pan = _pan(rng.uniform(-0.5, 0.5) if name in ("pluck", "mallet", "arp", "keys") else 0.0)
    for note in score.notes:
        if note.instrument == name:
            _add(out, voice.note(note.midi, note.duration), note.start, note.velocity)
    out *= pan


def _riser(rng: np.random.Generator, sweep: Sweep) -> np.ndarray:
    samples = max(RATE // 10, int((sweep.end - sweep.start) * RATE))
    rise = np.linspace(0.0, 1.0, samples, dtype=np.float32)
    low, high = band_noise(rng, samples, 300, 3000), band_noise(rng, samples, 3000, 14000)
    return np.stack([low * (1 - rise) + high * rise] * 2) * rise**1.5


def _pan(position: float) -> np.ndarray:
    angle = (position + 1.0) * np.pi / 4
    return (np.array([[np.cos(angle)], [np.sin(angle)]]) * np.sqrt(2.0)).astype(np.float32)


def _add(out: np.ndarray, sound: np.ndarray, seconds: float, gain: float = 1.0) -> None:
    start = round(seconds * RATE)
    first = max(0, -start)
    last = min(sound.shape[-1], out.shape[-1] - start)
    if first < last:
        out[:, start + first : start + last] += np.float32(gain) * sound[:, first:last]


def _reverberate(rng: np.random.Generator, wet: np.ndarray, room: float) -> np.ndarray:
    """Exponentially decaying noise, two ears apart; 0.2 to 2 s long."""
    seconds = 0.2 + 1.8 * room
    t = np.arange(int(seconds * RATE)) / RATE
    ears = rng.standard_normal((2, len(t))) * np.exp(-t * 6.0 / seconds)
    ears = (ears / np.sqrt((ears**2).sum(axis=-1, keepdims=True))).astype(np.float32)
    return oaconvolve(wet, ears, axes=-1)[:, : wet.shape[-1]].astype(np.float32)


def _master(rng: np.random.Generator, audio: np.ndarray) -> np.ndarray:
    """A random loudness, then a soft limit at 0.95."""
    rms = float(np.sqrt(np.mean(audio**2))) + 1e-6
    target = 10.0 ** (rng.uniform(-22.0, -13.0) / 20.0)
    audio = audio * np.float32(target / rms)
    return np.float32(0.95) * np.tanh(audio / np.float32(0.95))

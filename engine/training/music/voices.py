"""Pitched sounds from band-limited wavetables with random settings. Knows no score and no style.

A voice holds two spectra, dark and bright; a note reads both at its pitch, the bright one fading first. Notes of one
pitch and length are made once per clip.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.training.music.theory import frequency

TABLE = 8192
Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """Ranges that a voice's settings are drawn from. Times in seconds; `decay` (0, 0) holds the note."""

    dark: Range
    bright: Range
    odd: Range = (1.0, 1.0)
    attack: Range = (0.002, 0.006)
    decay: Range = (0.0, 0.0)
    sustain: Range = (1.0, 1.0)
    release: Range = (0.03, 0.08)
    fade: Range = (0.1, 0.4)
    vibrato: Range = (0.0, 0.0)
    detune: Range = (0.0, 0.0)
    partials: tuple[float, ...] = ()
    level: float = 1.0


KINDS: dict[str, dict[str, Kind]] = {
    "bass": {
        "synth bass": Kind((1.4, 2.0), (0.8, 1.2), decay=(0.3, 1.0), sustain=(0.3, 0.8), fade=(0.06, 0.3)),
        "sub bass": Kind((3.0, 4.0), (2.0, 3.0), attack=(0.006, 0.015), sustain=(0.8, 1.0)),
        "bass guitar": Kind((1.8, 2.4), (1.2, 1.6), decay=(0.5, 1.2), sustain=(0.1, 0.4), fade=(0.03, 0.1)),
    },
    "pad": {
        "pad": Kind((1.6, 2.4), (1.0, 1.5), attack=(0.1, 0.5), release=(0.3, 0.9), fade=(0.5, 2.0), detune=(3.0, 8.0)),
        "strings": Kind((1.2, 1.7), (0.9, 1.2), attack=(0.08, 0.25), release=(0.2, 0.5), detune=(3.0, 6.0)),
        "choir pad": Kind((2.0, 2.8), (1.5, 2.0), attack=(0.15, 0.4), release=(0.3, 0.8), detune=(2.0, 5.0)),
    },
    "pluck": {
        "guitar": Kind((1.6, 2.2), (0.8, 1.2), decay=(0.25, 0.7), sustain=(0.0, 0.0), fade=(0.04, 0.15)),
        "plucked synth": Kind((1.4, 2.0), (0.6, 1.0), decay=(0.1, 0.3), sustain=(0.0, 0.1), fade=(0.03, 0.1)),
        "harp": Kind((2.2, 3.0), (1.3, 1.8), decay=(0.4, 0.9), sustain=(0.0, 0.0), fade=(0.03, 0.1)),
    },
    "lead": {
        "synth lead": Kind((1.0, 1.4), (0.7, 1.0), attack=(0.005, 0.02), vibrato=(5.0, 18.0), detune=(2.0, 6.0)),
        "square lead": Kind((1.2, 1.6), (0.9, 1.1), (0.0, 0.1), attack=(0.004, 0.01), vibrato=(5.0, 20.0)),
        "flute": Kind((2.4, 3.2), (1.8, 2.2), attack=(0.03, 0.08), vibrato=(8.0, 20.0)),
    },
    "keys": {
        "piano": Kind((1.8, 2.4), (1.0, 1.5), decay=(0.7, 1.8), sustain=(0.0, 0.0), release=(0.08, 0.2)),
        "electric piano": Kind((2.6, 3.4), (1.4, 2.0), decay=(0.8, 1.6), sustain=(0.1, 0.2), fade=(0.1, 0.3)),
        "organ": Kind((1.6, 2.2), (1.2, 1.6), attack=(0.004, 0.01), vibrato=(4.0, 10.0), level=0.7),
    },
    "mallet": {
        "marimba": Kind((2.0, 2.0), (1.5, 1.5), decay=(0.12, 0.3), sustain=(0.0, 0.0), partials=(1, 4, 10)),
        "vibraphone": Kind((2.0, 2.0), (1.5, 1.5), decay=(0.7, 1.6), sustain=(0.0, 0.0), partials=(1, 4)),
        "bells": Kind((1.2, 1.6), (0.8, 1.2), decay=(0.6, 1.5), sustain=(0.0, 0.0), partials=(1, 3, 5, 8)),
    },
    "arp": {
        "arpeggio": Kind((1.3, 2.0), (0.7, 1.1), decay=(0.08, 0.25), sustain=(0.0, 0.2), fade=(0.03, 0.12)),
        "square arpeggio": Kind((1.4, 1.8), (0.9, 1.2), (0.0, 0.1), decay=(0.1, 0.25), sustain=(0.0, 0.1)),
    },
}


@dataclass
class Voice:
    """One instrument's sound in one clip."""

    dark: float
    bright: float
    odd: float
    attack: float
    decay: float
    sustain: float
    release: float
    fade: float
    vibrato: float
    detune: float
    partials: tuple[float, ...]
    level: float
    color: np.ndarray
    _notes: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def note(self, midi: int, seconds: float) -> np.ndarray:
        """(2, n) float32, release included, at full velocity."""
        key = (midi, round(seconds * 500))
        if key not in self._notes:
            self._notes[key] = self._render(midi, key[1] / 500)
        return self._notes[key]

    def _render(self, midi: int, seconds: float) -> np.ndarray:
        hertz = frequency(midi)
        samples = int((seconds + 3.0 * self.release) * RATE)
        t = np.arange(samples, dtype=np.float64) / RATE
        envelope = self._envelope(t, seconds)
        dark = self._table(hertz, self.dark)
        extra = self._table(hertz, self.bright) - dark
        bright_envelope = np.exp(-t / self.fade).astype(np.float32)
        position = t * hertz
        if self.vibrato:
            depth = self.vibrato / 1200.0 * np.log(2.0) * hertz
            position -= depth * np.minimum(1.0, t * 3.0) * np.cos(2 * np.pi * 5.3 * t) / (2 * np.pi * 5.3)
        sides = []
        for side in (-1.0, 1.0):
            total = np.zeros(samples, dtype=np.float32)
            for cents in (-self.detune * side, self.detune * side) if self.detune else (0.0,):
                at = (position * (2.0 ** (cents / 1200.0) * TABLE) + side * cents * 37).astype(np.int64) & (TABLE - 1)
                total += dark[at] + bright_envelope * extra[at]
            sides.append(total * envelope)
            if not self.detune:
                sides = [sides[0], sides[0]]
                break
        return np.stack(sides) * np.float32(self.level)

    def _envelope(self, t: np.ndarray, seconds: float) -> np.ndarray:
        held = np.minimum(1.0, t / self.attack)
        if self.decay:
            held = held * (self.sustain + (1.0 - self.sustain) * np.exp(-t / self.decay))
        tail = np.exp(-np.maximum(0.0, t - seconds) / self.release)
        end = np.clip((t[-1] - t) / 0.01, 0.0, 1.0)
        return (held * tail * end).astype(np.float32)

    def _table(self, hertz: float, slope: float) -> np.ndarray:
        """One period, harmonics falling by `slope`, none above 15 kHz."""
        count = max(1, min(len(self.color), int(15000.0 / hertz)))
        number = np.arange(1, count + 1)
        amplitude = number**-slope * self.color[:count] * np.where(number % 2, 1.0, self.odd)
        if self.partials:
            amplitude = amplitude * np.isin(number, self.partials)
        spectrum = np.zeros(TABLE // 2 + 1, dtype=np.complex128)
        spectrum[1 : count + 1] = amplitude * np.exp(2j * np.pi * (number * 0.381966) ** 2) * TABLE / 2
        wave = np.fft.irfft(spectrum, TABLE)
        return (wave / (np.sqrt(np.sum(amplitude**2)) + 1e-9)).astype(np.float32)


def make_voice(rng: np.random.Generator, kind: Kind, brightness: float) -> Voice:
    """Settings drawn from the kind's ranges; `brightness` above 1 makes the spectra fall less."""
    drawn: dict[str, Any] = {
        name: float(rng.uniform(*getattr(kind, name)))
        for name in ("odd", "attack", "decay", "sustain", "release", "fade", "vibrato", "detune")
    }
    tilt = brightness**-0.5
    return Voice(
        dark=float(rng.uniform(*kind.dark)) * tilt,
        bright=float(rng.uniform(*kind.bright)) * tilt,
        partials=kind.partials,
        level=kind.level,
        color=rng.uniform(0.4, 1.0, 160),
        **drawn,
    )

"""Pieces with a known beat, and pieces with none: what the finder of pulses is measured and tested on.

Each piece is made from its kind, tempo and seed alone. Knows no detector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, oaconvolve

from engine.training.music.drums import band_noise, make_kit

RATE = 44100
SECONDS = 20.0
TEMPI = tuple(range(60, 201, 10))
Audio = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Piece:
    """`audio` float32 (2, n) at 44.1 kHz; `beats` are the times of its beats in seconds, none where it has none.

    `threes`: a third of its beat, or three of them, are levels of its meter, too.
    """

    kind: str
    bpm: float
    audio: NDArray[np.float32]
    beats: NDArray[np.float64]
    threes: bool = False


@dataclass(frozen=True, eq=False)
class _Score:
    """What a kind's writer has at hand: random numbers, a kit, the beats, and the piece as it grows, (n,)."""

    rng: np.random.Generator
    kit: dict[str, Audio]
    out: Audio
    bpm: float
    first: float

    @property
    def beat(self) -> float:
        return 60.0 / self.bpm

    @property
    def beats(self) -> NDArray[np.float64]:
        return np.arange(self.first, SECONDS - 0.05, self.beat)

    def at(self, beat: float) -> float:
        return self.first + beat * self.beat

    def add(self, sound: Audio, seconds: float, level: float) -> None:
        start = round(seconds * RATE)
        first, last = max(0, -start), min(sound.size, self.out.size - start)
        if first < last:
            self.out[start + first : start + last] += level * sound[first:last]

    def play(self, drum: str, seconds: float, level: float) -> None:
        self.add(self.kit[drum], seconds, level * self.rng.uniform(0.85, 1.0))

    def tone(self, hertz: float, seconds: float, length: float, level: float, attack: float = 0.004) -> None:
        """A plucked note: eight partials that die away, the high ones first."""
        t = np.arange(round(length * RATE)) / RATE
        partials = range(1, 9)
        sound = sum(
            np.sin(2 * np.pi * hertz * k * t + self.rng.uniform(0, 6)) / k**1.5 * np.exp(-t * (1.5 + k) / length)
            for k in partials
            if hertz * k < 16000
        )
        ends = np.clip((length - t) / 0.02, 0, 1)
        self.add(np.asarray(sound) * np.minimum(1.0, t / attack) * ends, seconds, level)


def _midi(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _four_on_the_floor(s: _Score) -> None:
    for i, time in enumerate(s.beats):
        s.play("kick", time, 0.9)
        s.play("hat", time + s.beat / 2, 0.8)
        if i % 2:
            s.play("clap", time, 0.5)


def _backbeat(s: _Score) -> None:
    for i, time in enumerate(s.beats):
        s.play("snare" if i % 2 else "kick", time, 0.8)
        if i % 4 == 2:
            s.play("kick", time - s.beat / 2, 0.7)
        for half in (0, 1):
            s.play("hat", time + half * s.beat / 2, 0.5)
        s.tone(_midi(40 + 5 * (i // 8 % 2)), time, s.beat * 0.9, 0.2)


def _loud_off_beats(s: _Score) -> None:
    """Open hats and stabs off the beat, louder than the kick on it."""
    for i, time in enumerate(s.beats):
        s.play("kick", time, 0.5)
        s.play("open", time + s.beat / 2, 1.6)
        for note in (60, 63, 67):
            s.tone(_midi(note + 5 * (i // 8 % 2)), time + s.beat / 2, 0.4 * s.beat, 0.15)


def _swing(s: _Score) -> None:
    """Shuffled eighths: the second lies 58 to 67 % of the way to the next beat."""
    late = s.rng.uniform(0.58, 0.67) * s.beat
    for i, time in enumerate(s.beats):
        s.play("snare" if i % 2 else "kick", time, 0.7)
        s.play("ride", time, 0.9)
        s.play("hat", time + late, 0.8)
        s.tone(_midi(36 + (0, 4, 7, 9)[i % 4]), time, s.beat * 0.8, 0.25)


def _strums(s: _Score) -> None:
    """A guitar's strokes by hand: 10 to 20 ms off, strings one after another, sometimes none."""
    jitter = s.rng.uniform(0.010, 0.020)
    chords = ((52, 59, 64, 67), (48, 55, 60, 64), (50, 57, 62, 66), (43, 50, 55, 59))
    for i, time in enumerate(s.beats):
        chord = chords[i // 4 % 4]
        for half, level in ((0.0, 0.25), (0.5, 0.12)):
            if half and s.rng.random() < 0.4:
                continue
            at = time + half * s.beat + s.rng.normal(0, jitter)
            strings = chord if not half else chord[::-1][:3]
            for number, note in enumerate(strings):
                s.tone(_midi(note), at + 0.006 * number, min(1.2, 1.5 * s.beat), level * s.rng.uniform(0.7, 1.0))


def _six_eight(s: _Score) -> None:
    for i, time in enumerate(s.beats):
        s.play("snare" if i % 2 else "kick", time, 0.8)
        for third in range(3):
            s.play("hat", time + third * s.beat / 3, 0.6 if third == 0 else 0.4)
            s.tone(_midi((48, 55, 60)[third] + 5 * (i // 4 % 2)), time + third * s.beat / 3, s.beat / 2, 0.15)


def _arpeggio(s: _Score) -> None:
    """No drums: four notes a beat up to 110 bpm, two above, the lowest on the beat."""
    steps = 4 if s.bpm < 110 else 2
    roots = (45, 41, 48, 43)
    for i, time in enumerate(s.beats):
        for step in range(steps):
            note = roots[i // 4 % 4] + (0, 12, 7, 16)[step if steps == 4 else step * (1 + i % 2)]
            s.tone(_midi(note), time + step * s.beat / steps, 1.2 * s.beat / steps + 0.1, 0.35 if step == 0 else 0.25)


def _sub_bass(s: _Score) -> None:
    """Only low sines with soft attacks, one a beat, a syncopation now and then."""
    for i, time in enumerate(s.beats):
        length = s.beat * s.rng.uniform(0.5, 0.9)
        t = np.arange(round(length * RATE)) / RATE
        shape = np.minimum(1.0, t / s.rng.uniform(0.006, 0.015)) * np.exp(-1.5 * t / length)
        note = np.sin(2 * np.pi * (49.0, 55.0, 41.2, 46.2)[i // 4 % 4] * t) * shape
        note *= np.clip((length - t) / 0.03, 0, 1)
        s.add(note, time, 0.6)
        if i % 8 == 5:
            s.add(note[: note.size // 2], time + s.beat / 2, 0.4)


_WITH_BEAT: dict[str, Callable[[_Score], None]] = {
    "four on the floor": _four_on_the_floor,
    "backbeat": _backbeat,
    "loud off-beats": _loud_off_beats,
    "swing": _swing,
    "strums by hand": _strums,
    "6/8": _six_eight,
    "arpeggio": _arpeggio,
    "sub-bass": _sub_bass,
}
STYLES = ("house", "techno", "rock", "funk", "hip hop", "folk", "jazz", "waltz")
KINDS_WITH_BEAT = (*_WITH_BEAT, *STYLES)


def piece_with_beat(kind: str, bpm: float, seed: int = 0) -> Piece:
    """A piece of 20 s of a kind, by hand or by the training's generator, at a constant tempo."""
    if kind in STYLES:
        return _by_generator(kind, bpm, seed)
    rng = np.random.default_rng([seed, round(10 * bpm), KINDS_WITH_BEAT.index(kind)])
    out = rng.normal(0, 2e-4, round(SECONDS * RATE))
    score = _Score(rng, make_kit(rng), out, bpm, rng.uniform(0, 60.0 / bpm))
    _WITH_BEAT[kind](score)
    return Piece(kind, bpm, _stereo(out, rng), score.beats, threes=kind == "6/8")


def _by_generator(style: str, bpm: float, seed: int) -> Piece:
    from engine.training.music.arrange import Wish, make_score
    from engine.training.music.synthesis import render

    number = 9000 + 100 * seed + round(bpm)
    wish = Wish(style=style, bpm=bpm, steady=True, instruments=("drums", "bass", "keys", "pluck"))
    score = make_score(number, SECONDS, wish)
    unit = 1.5 if score.meter[1] == 8 else 1.0  # a beat in quarters
    times = [bar.at(unit * k) for bar in score.bars for k in range(round(bar.quarters / unit))]
    beats = np.array([t for t in times if 0 <= t < SECONDS])
    audio = render(score, number).audio.astype(np.float32)
    return Piece(style, bpm / unit, audio, beats, threes=score.meter != (4, 4))


def _stereo(mono: Audio, rng: np.random.Generator) -> NDArray[np.float32]:
    """With a little room, different in both ears; peak 0.5."""
    t = np.arange(round(0.25 * RATE)) / RATE
    ears = rng.normal(size=(2, t.size)) * np.exp(-t * 25) * 0.02
    wet = np.stack([mono + oaconvolve(mono, ear)[: mono.size] for ear in ears])
    return (0.5 * wet / max(float(np.abs(wet).max()), 1e-9)).astype(np.float32)


def _pads(rng: np.random.Generator, out: Audio) -> None:
    """Chords that swell into one another, each as long as it likes."""
    at = -1.0
    while at < SECONDS:
        length = rng.uniform(2.5, 6.0)
        t = np.arange(round(length * RATE)) / RATE
        shape = np.sin(np.pi * t / length) ** 2
        notes = rng.choice([0, 2, 3, 5, 7, 10, 12], 3, replace=False)
        sound = sum(np.sin(2 * np.pi * _midi(48 + n + d) * t) for n in notes for d in (0.0, 0.07)) * shape * 0.1
        _mix(out, np.asarray(sound), at)
        at += length * rng.uniform(0.4, 0.7)


def _bursts(rng: np.random.Generator, out: Audio) -> None:
    """Bursts of noise at times of a Poisson process."""
    for time in _poisson(rng, rng.uniform(1.5, 5.0)):
        length = round(rng.uniform(0.03, 0.25) * RATE)
        burst = band_noise(rng, length, rng.uniform(100, 2000), rng.uniform(3000, 12000))
        _mix(out, burst * np.exp(-np.arange(length) / RATE * 30) * rng.uniform(0.2, 0.8), time)


def _speech(rng: np.random.Generator, out: Audio) -> None:
    """Syllables: a buzz through three formants behind a consonant's noise, in phrases with pauses."""
    time = 0.2
    while time < SECONDS - 0.6:
        for _ in range(rng.integers(3, 9)):
            length = float(np.exp(rng.normal(np.log(0.19), 0.35)))
            _mix(out, _syllable(rng, length), time)
            time += length
        time += rng.uniform(0.15, 0.8)


def _syllable(rng: np.random.Generator, length: float) -> Audio:
    n = round(length * RATE)
    pitch = rng.uniform(90, 220) * np.linspace(1, rng.uniform(0.85, 1.1), n)
    buzz = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0)
    for hertz, width in ((rng.uniform(300, 800), 80), (rng.uniform(900, 2200), 110), (2600, 160)):
        r, w = np.exp(-np.pi * width / RATE), 2 * np.pi * hertz / RATE
        buzz = lfilter([1 - r], [1, -2 * r * np.cos(w), r * r], buzz)
    voiced = buzz / max(float(np.abs(buzz).max()), 1e-9) * np.sin(np.pi * np.arange(n) / n) ** 0.5 * 0.5
    consonant = band_noise(rng, max(64, n // 4), 1500, 9000) * rng.choice([0.0, 0.05, 0.25])
    voiced[: consonant.size] += consonant * np.hanning(consonant.size)
    return voiced


def _rubato(rng: np.random.Generator, out: Audio) -> None:
    """A piano whose tempo wanders by 30 %, with a hand's jitter and rolled chords."""
    score = _Score(rng, {}, out, 120.0, 0.0)
    time, phase, beat = rng.uniform(0, 0.5), rng.uniform(0, 6), rng.uniform(0.4, 0.9)
    pace = rng.uniform(0.5, 1.0)
    while time < SECONDS:
        for number, note in enumerate(rng.choice([48, 52, 55, 60, 64, 67, 72], rng.integers(1, 4), replace=False)):
            score.tone(_midi(note), time + number * rng.uniform(0.01, 0.05), 1.5, rng.uniform(0.15, 0.3))
        time += beat * np.exp(0.3 * np.sin(pace * time + phase) + rng.normal(0, 0.05)) * rng.choice([1, 1, 0.5])


def _rain(rng: np.random.Generator, out: Audio) -> None:
    out += rng.normal(0, 0.02, out.size)
    for time in _poisson(rng, 60.0):
        n = round(rng.uniform(0.004, 0.02) * RATE)
        drop = np.sin(2 * np.pi * rng.uniform(1500, 6000) * np.arange(n) / RATE) * np.hanning(n)
        _mix(out, drop * rng.exponential(0.08), time)


def _drone(rng: np.random.Generator, out: Audio) -> None:
    """A held fifth whose partials beat slowly against one another."""
    t = np.arange(out.size) / RATE
    for k in range(1, 12):
        slow = 1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.05, 0.4) * t + rng.uniform(0, 6))
        out += np.sin(2 * np.pi * 82.4 * k * (1 + rng.normal(0, 1e-3)) * t) * slow / k * 0.1


def _chimes(rng: np.random.Generator, out: Audio) -> None:
    score = _Score(rng, {}, out, 120.0, 0.0)
    for time in _poisson(rng, rng.uniform(1.0, 4.0)):
        score.tone(_midi(rng.choice([72, 74, 76, 79, 81, 84])), time, 2.0, rng.uniform(0.05, 0.3))


def _poisson(rng: np.random.Generator, rate: float) -> Iterable[float]:
    time = rng.exponential(1 / rate)
    while time < SECONDS:
        yield time
        time += rng.exponential(1 / rate)


def _mix(out: Audio, sound: Audio, seconds: float) -> None:
    start = round(seconds * RATE)
    first, last = max(0, -start), min(sound.size, out.size - start)
    if first < last:
        out[start + first : start + last] += sound[first:last]


_WITHOUT: dict[str, Callable[[np.random.Generator, Audio], None]] = {
    "pads": _pads,
    "bursts": _bursts,
    "speech": _speech,
    "rubato piano": _rubato,
    "rain": _rain,
    "drone": _drone,
    "chimes": _chimes,
}
KINDS_WITHOUT = tuple(_WITHOUT)


def piece_without(kind: str, seed: int = 0) -> Piece:
    """A piece of 20 s of a kind that has no steady beat."""
    rng = np.random.default_rng([seed, 77, KINDS_WITHOUT.index(kind)])
    out = rng.normal(0, 2e-4, round(SECONDS * RATE))
    _WITHOUT[kind](rng, out)
    return Piece(kind, 0.0, _stereo(out, rng), np.zeros(0))

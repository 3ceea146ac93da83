"""`python -m tests.bench ears [FOLDER]`: how often the report names a fault that was put into music, or one in clean.

Faults of several sizes are put at the borders of a region of 20 s pieces (of the generator, and every known kind of
`tests/support/beat_corpus.py`, or of a folder); clean are the untouched pieces at the same borders.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from engine.audio.attacks import find_attacks
from engine.audio.finished_report import report_on
from tests.bench.figures import Figure, Result
from tests.bench.music_folder import middles
from tests.support.beat_corpus import KINDS_WITH_BEAT, RATE, piece_with_beat

Audio = NDArray[np.float64]
Borders = tuple[int, int]  # of the region, in samples
SAID = {
    "click": "heard as a click",
    "flam": "flam",
    "unlike flam": "flam",
    "dip": "level dips",
    "late": "The beat is",
    "louder": "louder than the music",
    "quieter": "quieter than the music",
}


def _click(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator) -> Audio:
    """A step of the waveform by 12 to 20 dB over the music around it, as a splice makes it."""
    at = borders[rng.integers(2)] + round(rng.uniform(-0.004, 0.004) * rate)
    level = np.sqrt(np.mean(audio[:, at - rate : at + rate] ** 2)) * rng.uniform(4, 10)
    out = audio.copy()
    decay = np.exp(-np.arange(rate // 100) / rate * 300)
    out[:, at : at + decay.size] += level * rng.choice([-1, 1]) * decay
    return out


def _flam(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator) -> Audio:
    """A strong attack of the piece, laid on the border twice, 20 to 45 ms apart."""
    strong = _strong(audio, rate, 5)
    first = rng.choice(strong) if strong.size else 0
    return _two_attacks(audio, borders, rate, rng, (first, first))


def _unlike_flam(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator) -> Audio:
    """Two strong attacks of the piece, as those of source and new part are: each another."""
    strong = _strong(audio, rate, 8)
    first, second = rng.permutation(strong)[:2] if strong.size > 1 else (0, 500)
    return _two_attacks(audio, borders, rate, rng, (first, second))


def _strong(audio: Audio, rate: int, count: int) -> NDArray[np.int64]:
    found = find_attacks(audio, rate)
    return found.steps[np.argsort(-found.strengths)][:count]


def _two_attacks(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator, steps: tuple[int, int]) -> Audio:
    """The 80 ms from each of the steps on, laid on a border 20 to 45 ms apart."""
    at = borders[rng.integers(2)]
    out = audio.copy()
    places = at - round(0.012 * rate), at + round(rng.uniform(0.008, 0.033) * rate)
    for place, step in zip(places, steps, strict=True):
        first = round(step / 1000 * rate)
        sound = audio[:, first : first + round(0.08 * rate)]
        out[:, place : place + sound.shape[1]] += 1.2 * sound * np.linspace(1, 0, sound.shape[1])
    return out


def _dip(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator) -> Audio:
    """30 to 40 ms that are 14 to 30 dB down."""
    at, half = borders[rng.integers(2)], round(rng.uniform(0.015, 0.02) * rate)
    out = audio.copy()
    out[:, at - half : at + half] *= 10 ** (-rng.uniform(14, 30) / 20)
    return out


def _late(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator) -> Audio:
    """The region comes 30 to 70 ms late or early."""
    shift = round(rng.choice([-1, 1]) * rng.uniform(0.03, 0.07) * rate)
    out = audio.copy()
    out[:, slice(*borders)] = audio[:, borders[0] - shift : borders[1] - shift]
    return out


def _turned(low: float, high: float) -> Callable[[Audio, Borders, int, np.random.Generator], Audio]:
    def turned(audio: Audio, borders: Borders, rate: int, rng: np.random.Generator) -> Audio:
        out = audio.copy()
        out[:, slice(*borders)] *= 10 ** (rng.uniform(low, high) / 20)
        return out

    return turned


FAULTS: dict[str, Callable[[Audio, Borders, int, np.random.Generator], Audio]] = {
    "click": _click,
    "flam": _flam,
    "unlike flam": _unlike_flam,
    "dip": _dip,
    "late": _late,
    "louder": _turned(3.0, 9.0),
    "quieter": _turned(-9.0, -3.0),
}


def named(audio: Audio, rate: int, borders: Borders) -> set[str]:
    """The faults that the report's words name."""
    words = " ".join(report_on(audio, rate, borders[0] / rate, borders[1] / rate).in_words())
    return {fault for fault, said in SAID.items() if said in words}


def music() -> Iterator[tuple[Audio, int]]:
    """20 s pieces, (channels, n), with their rate."""
    folder = os.environ.get("ACESTEP_FIT_FOLDER")
    if folder:
        for audio, rate in middles(Path(folder)):
            yield audio.astype(np.float64), rate
        return
    for number, kind in enumerate(KINDS_WITH_BEAT):
        yield piece_with_beat(kind, 72.0 + 9 * number, seed=50).audio.astype(np.float64), RATE


def ears(threads: int) -> list[Result]:
    """Shares of faults named, and of clean music in which one is."""
    rng = np.random.default_rng(5)
    hits: dict[str, list[bool]] = defaultdict(list)
    false: dict[str, list[bool]] = defaultdict(list)
    for audio, rate in track(list(music()), "music"):
        start = rng.uniform(5.5, 7.5)
        borders = round(start * rate), round((start + rng.uniform(4, 6)) * rate)
        clean = named(audio, rate, borders)
        for fault, spoil in FAULTS.items():
            hits[fault].append(fault in named(spoil(audio, borders, rate, rng), rate, borders))
            false[fault].append(fault in clean)
    how = f"{len(hits['click'])} pieces"
    return [
        figure
        for fault in FAULTS
        for figure in (
            Figure(f"ears_{fault}", f"{fault}: named where it is", 100 * float(np.mean(hits[fault])), "%", "", how),
            Figure(
                f"ears_no_{fault}", f"{fault}: named in clean music", 100 * float(np.mean(false[fault])), "%", "0", how
            ),
        )
    ]


BENCHES = {"ears": ears}

"""Excerpts of music with known beats, as the network's frames: made from scores, soundfonts and kits, kept on disk."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.audio.beat_frames import FRAMES_A_SECOND, beat_frames
from engine.training.beats import nothing
from engine.training.beats.changes import perform
from engine.training.beats.scores import DRUMS, Score, read_score, with_drums_of
from engine.training.beats.sound import RATE, Kit, Player, find_kits, recorded
from engine.training.music.arrange import make_score
from engine.training.music.synthesis import render

SECONDS = 20.0
_WITHOUT, _GENERATED = 0.1, 0.08  # shares of all excerpts
_KIT = 0.5  # of those with drums
_DRUMMER = 0.5  # of those without, that another score's drums are played to
_TRIES = 20
_AROUND = 2  # frames either way of a beat that are partly one
Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Excerpt:
    """`frames` (steps, bands), float16; `beats` and `downbeats` in seconds, the latter None where nobody knows them."""

    frames: NDArray[np.float16]
    beats: NDArray[np.float64]
    downbeats: NDArray[np.float64] | None

    def targets(self) -> tuple[Array, Array]:
        """How much each step is a beat, and a bar's first (NaN where unknown): (steps,) each, 0 to 1."""
        steps = len(self.frames)
        unknown = np.full(steps, np.nan, np.float32)
        return _target(self.beats, steps), unknown if self.downbeats is None else _target(self.downbeats, steps)


def _target(times: NDArray[np.float64], steps: int) -> Array:
    if not times.size:
        return np.zeros(steps, np.float32)
    distance = np.abs(np.arange(steps)[:, None] / FRAMES_A_SECOND - times[None]).min(axis=1)
    return np.clip(1 - distance * FRAMES_A_SECOND / _AROUND, 0, 1).astype(np.float32)


class Maker:
    """Makes excerpts of all MIDI files below some folders, through these soundfonts and the kits below a folder."""

    def __init__(self, midi: list[Path], soundfonts: list[Path], kits: Path | None, split: str = "train") -> None:
        files = [[path for path in sorted(folder.rglob("*.mid")) if split_of(path.stem) == split] for folder in midi]
        self.files = [paths for paths in files if paths]
        self.soundfonts = soundfonts
        self.kits: list[Kit] = find_kits(kits) if kits is not None else []
        self._scores: dict[Path, Score | None] = {}

    def excerpts(self, count: int, seed: int, made: Collection[int] = ()) -> Iterator[tuple[int, Excerpt]]:
        """So many with their numbers, without those that are made; one soundfont after another."""
        if not self.files:
            raise ValueError("no MIDI file in these folders: name others")
        for first, font in enumerate(self.soundfonts):
            player = Player(font)
            for number in range(first, count, len(self.soundfonts)):
                if number not in made:
                    yield number, self._one(player, np.random.default_rng([seed, number]))

    def _one(self, player: Player, rng: np.random.Generator) -> Excerpt:
        kind = rng.random()
        if kind < _WITHOUT:
            return _excerpt(recorded(self._without(player, rng), rng), np.zeros(0), np.zeros(0))
        if kind < _WITHOUT + _GENERATED:
            return _generated(rng)
        for _ in range(_TRIES):
            score = self._any_score(rng)
            if score is not None and DRUMS not in score.channels and rng.random() < _DRUMMER:
                score = with_drums_of(score, self._any_score(rng))
            performance = perform(score, SECONDS, rng) if score is not None else None
            if performance is not None:
                kit = self.kits[int(rng.integers(len(self.kits)))] if self.kits and rng.random() < _KIT else None
                audio = player.play(performance, SECONDS, kit)
                if np.abs(audio).max() > 1e-3:
                    return _excerpt(recorded(audio, rng), performance.beats, performance.downbeats)
        raise ValueError("no MIDI file of these folders lies on its own beats for 20 s: give others")

    def _any_score(self, rng: np.random.Generator) -> Score | None:
        folder = self.files[int(rng.integers(len(self.files)))]
        return self._score(folder[int(rng.integers(len(folder)))])

    def _score(self, path: Path) -> Score | None:
        if path not in self._scores:
            self._scores[path] = read_score(path)
        return self._scores[path]

    @staticmethod
    def _without(player: Player, rng: np.random.Generator) -> NDArray[np.float32]:
        kind = int(rng.integers(5))
        if kind < 2:
            made = (nothing.pads, nothing.at_any_time)[kind](SECONDS, rng)
            return player.play(made, SECONDS)
        if kind == 2:
            both = player.play(nothing.pads(SECONDS, rng), SECONDS), nothing.syllables(SECONDS, rng)
            return np.asarray(both[0] / max(float(np.abs(both[0]).max()), 1e-6) * rng.uniform(0, 1) + both[1])
        return (nothing.syllables, nothing.swells)[kind - 3](SECONDS, rng)


def _excerpt(audio: NDArray[np.float32], beats: NDArray[np.float64], downbeats: NDArray[np.float64] | None) -> Excerpt:
    return Excerpt(beat_frames(audio[None], RATE).astype(np.float16), beats, downbeats)


def _generated(rng: np.random.Generator) -> Excerpt:
    """A piece of the music that nano is trained on."""
    number = int(rng.integers(1 << 20))
    score = make_score(number, SECONDS)
    unit = 1.5 if score.meter[1] == 8 else 1.0
    beats = [bar.at(unit * k) for bar in score.bars for k in range(round(bar.quarters / unit))]
    audio = half_rate(render(score, number).audio)
    return _excerpt(recorded(audio, rng), np.array(beats), np.array([bar.at(0.0) for bar in score.bars]))


def half_rate(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half the rate, one channel."""
    return np.asarray(soxr.resample(audio.mean(axis=0), 2 * RATE, RATE), np.float32)


def save(path: Path, excerpt: Excerpt) -> None:
    """Write one to a file of numpy's."""
    downbeats = np.full(1, np.nan) if excerpt.downbeats is None else excerpt.downbeats
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, frames=excerpt.frames, beats=excerpt.beats, downbeats=downbeats)
    part.replace(path)


def load(path: Path) -> Excerpt:
    """Read one."""
    with np.load(path, allow_pickle=False) as stored:
        downbeats = stored["downbeats"]
        return Excerpt(stored["frames"], stored["beats"], None if np.isnan(downbeats).any() else downbeats)


def split_of(name: str) -> str:
    """ "valid" for one of eight songs by their names to the first hyphen, "train" for the rest."""
    return "valid" if zlib.crc32(name.split("-")[0].encode()) % 8 == 0 else "train"

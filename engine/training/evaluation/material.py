"""What nano is measured on: wishes and true clips from held-out seeds, and requests that ask for the same.

Knows the engine's public surface and the generator; measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from engine.constants import MODEL_SAMPLE_RATE as RATE
from engine.grid.harmony import NOTE_NAMES, Key
from engine.requests import TempoPoint
from engine.training.music.arrange import Wish, make_score
from engine.training.music.score import Score
from engine.training.music.synthesis import render

STEMS = ("drums", "bass", "pad", "lead")
STRAIGHT = ("house", "techno", "rock", "pop", "funk", "hip hop", "synthwave", "drum and bass", "trance")
Values = dict[str, tuple[float, float | None]]  # name -> (nano's, the true clip's)


@dataclass(frozen=True)
class Clip:
    """A true clip: audio (2, n) at 44.1 kHz, and the score it was made from."""

    audio: np.ndarray
    score: Score

    @property
    def tempo_map(self) -> list[TempoPoint]:
        """The true bar lines, as a request gives them."""
        return list(self.score.tempo_map().points)

    @property
    def source(self) -> engine.Audio:
        """The clip as a request's audio."""
        return engine.Audio(self.audio, RATE)

    @property
    def key_words(self) -> str:
        """The key as a tag."""
        return f"{NOTE_NAMES[self.score.key.root]} {self.score.key.mode}"

    @property
    def scale(self) -> tuple[int, ...]:
        """Pitch classes of the key."""
        return tuple((step + self.score.key.root) % 12 for step in self.score.key.scale)


def true_clip(seed: int, wish: Wish, seconds: float) -> Clip:
    """The clip of a held-out seed."""
    score = make_score(seed, seconds, wish)
    return Clip(render(score, seed).audio, score)


def beat_wish(seed: int, change: tuple[int, float] | None = None) -> Wish:
    """Drums, bass and keys in a straight style, 4/4, 70 to 170 bpm."""
    rng = np.random.default_rng([seed, 5])
    return Wish(
        style=str(rng.choice(STRAIGHT)),
        bpm=float(rng.integers(70, 171)),
        meter=(4, 4),
        key=Key(int(rng.integers(12)), str(rng.choice(["minor", "major"]))),
        instruments=("drums", "bass", "keys"),
        steady=True,
        change=change,
    )


def make(model: engine.Model, request: Any) -> np.ndarray:
    """A request's audio, (2, n) float32."""
    return np.asarray(model.render(request).audio)

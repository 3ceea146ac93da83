"""Clips of synthesised music and what is true of them. Knows no model and no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import structs

from engine.constants import SAMPLES_PER_FRAME
from engine.grid.beat_grid import TempoMap
from engine.training.music.arrange import make_score
from engine.training.music.synthesis import render

CLIP_FRAMES = 304


@dataclass(frozen=True)
class ClipFacts:
    """What is true of a clip: all that tags and beat grid are made of. `activity` (9, frames) as 0 and 1."""

    seed: int
    style: str
    root: int
    mode: str
    kinds: dict[str, str]
    activity: np.ndarray
    tempo_map: TempoMap
    brightness: float
    room: float

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; activity as strings of 0 and 1."""
        values = {
            name: getattr(self, name) for name in ("seed", "style", "root", "mode", "kinds", "brightness", "room")
        }
        rows = ["".join("1" if on else "0" for on in row) for row in self.activity]
        return {**values, "activity": rows, "points": [structs.asdict(point) for point in self.tempo_map.points]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ClipFacts:
        """Inverse of `to_json`."""
        values = dict(values)
        rows = values.pop("activity")
        activity = np.array([[c == "1" for c in row] for row in rows])
        return cls(activity=activity, tempo_map=TempoMap.from_points(values.pop("points")), **values)


def make_clip(seed: int, frames: int = CLIP_FRAMES) -> tuple[np.ndarray, ClipFacts]:
    """Audio (2, frames * 4096) float32 at 44.1 kHz, and its facts."""
    samples = frames * SAMPLES_PER_FRAME
    score = make_score(seed, samples / 44100)
    mix = render(score, seed, samples)
    facts = ClipFacts(
        seed, score.style, score.key.root, score.key.mode, score.kinds, score.activity(frames), score.tempo_map(),
        round(mix.brightness, 3), round(mix.room, 3),
    )  # fmt: skip
    return mix.audio, facts


def chords_of(facts: ClipFacts) -> list[int]:
    """Chord numbers of a clip's frames; the score is written again from the seed."""
    frames = facts.activity.shape[1]
    return make_score(facts.seed, frames * SAMPLES_PER_FRAME / 44100).chords(frames)

"""Where `python -m tests.bench fit` puts its regions, and what `nano` made there, which may be kept.

A folder in `ACESTEP_FIT_KEPT` holds one file for each region: a run that was stopped goes on there, and a change of the
joints is measured without rendering again. It has to be emptied when the model or the number of steps changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from engine.audio.attacks import find_attacks
from engine.audio.buffer import Audio
from engine.audio.files import AudioInfo
from engine.audio.seam import Fitting, Made, make_patches
from engine.audio.seam_report import is_silent
from engine.audio.window import plan_window
from engine.rendering import joining
from engine.rendering.joining import Joined, Joiner, Piece
from engine.rendering.source import open_source
from tests.bench.music_folder import PIECE_SECONDS, cut, usable

KINDS = ("random", "snapped")
_TRIES = 8
_AROUND_SECONDS = 2.0


@dataclass(frozen=True, eq=False)
class Place:
    """A region to regenerate: source (channels, n), its rate, borders in seconds, tempo where it is known."""

    audio: NDArray[np.float32]
    sample_rate: int
    start: float
    end: float
    bpm: float | None

    @property
    def around(self) -> NDArray[np.float32]:
        """The region with 2 s on each side."""
        first = max(0, round((self.start - _AROUND_SECONDS) * self.sample_rate))
        return self.audio[:, first : round((self.end + _AROUND_SECONDS) * self.sample_rate)]


@dataclass(frozen=True, eq=False)
class ModelsPart:
    """What the model made at a place, and how the request has it fitted."""

    made: Made
    fitting: Fitting

    def joined(self, place: Place) -> Joined:
        """The whole piece with it."""
        window = plan_window(place.audio.shape[1], place.sample_rate, place.start, place.end)
        source = open_source(Audio(place.audio, place.sample_rate))
        return Joiner(source, (window,), self.fitting, clip=False).join([Piece(self.made, window)])

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        draft = path.with_name(f"draft-{path.name}")
        how = json.dumps(asdict(self.fitting))
        np.savez(draft, samples=self.made.samples, position=self.made.position, fitting=how)
        draft.rename(path)

    @staticmethod
    def load(path: Path) -> ModelsPart:
        """From a file."""
        with np.load(path) as kept:
            made = Made(kept["samples"], int(kept["position"]))
            return ModelsPart(made, Fitting(**json.loads(str(kept["fitting"]))))


def generated(kind: str, count: int) -> Iterator[Place]:
    """Regions of the generator's pieces, one a piece."""
    from engine.training.music.arrange import Wish, make_score
    from engine.training.music.synthesis import render

    rng = np.random.default_rng(KINDS.index(kind))
    for number in range(count):
        seed = 7000 + number
        score = make_score(seed, PIECE_SECONDS, Wish(steady=True))
        bars = [bar.start for bar in score.bars if 4 < bar.start < PIECE_SECONDS - 4]
        start, end = rng.uniform(4, 10), rng.uniform(11, 15)
        if kind == "snapped" and len(bars) > 1:
            start, end = bars[0], bars[min(len(bars) - 1, 2)]
        yield Place(render(score, seed).audio, 44100, float(start), float(end), score.bars[0].bpm)


def of_folder(folder: Path, kind: str, count: int) -> Iterator[Place]:
    """Regions of a folder's music, in turns over its pieces. Raises InvalidRequest where it has none."""
    rng = np.random.default_rng(KINDS.index(kind))
    pieces = usable(folder)
    for number in range(count):
        place = _place(pieces[number % len(pieces)], kind, rng)
        for _ in range(_TRIES):  # where there is silence, nothing could fit or not
            if not is_silent(place.around):
                break
            place = _place(pieces[number % len(pieces)], kind, rng)
        yield place


def _place(info: AudioInfo, kind: str, rng: np.random.Generator) -> Place:
    """A region of some 20 s of a piece."""
    audio, rate = cut(info, rng.uniform(0, max(0.0, info.duration_seconds - PIECE_SECONDS)))
    start, end = rng.uniform(4, 6), rng.uniform(7.5, 10)
    if kind == "snapped":
        start, end = (_attack_near(audio, rate, seconds) for seconds in (start, end))
    return Place(audio, rate, float(start), float(end), None)


def _attack_near(audio: NDArray[np.float32], rate: int, seconds: float) -> float:
    """The strongest attack within half a second of a time, or that time."""
    first = round((seconds - 0.5) * rate)
    found = find_attacks(audio[:, first : first + rate], rate)
    if found.steps.size == 0:
        return seconds
    return seconds - 0.5 + float(found.steps[np.argmax(found.strengths)]) / 1000


class Renderer:
    """`nano`, loaded when the first region is not kept."""

    def __init__(self) -> None:
        self._model: Any = None
        folder = os.environ.get("ACESTEP_FIT_KEPT")
        self._kept = Path(folder) if folder else None

    def part(self, place: Place, kind: str, number: int) -> ModelsPart:
        """What the model makes at a place."""
        path = None if self._kept is None else self._kept / f"{kind}-{number:03}.npz"
        if path is not None and path.exists():
            return ModelsPart.load(path)
        part = self._rendered(place, number)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.save(path)
        return part

    def _rendered(self, place: Place, number: int) -> ModelsPart:
        import engine

        self._model = self._model or engine.load("nano", device="cpu")
        steps = {"number_of_steps": int(os.environ["ACESTEP_FIT_STEPS"])} if "ACESTEP_FIT_STEPS" in os.environ else {}
        fields = {**steps, "tempo": place.bpm} if place.bpm else steps
        audio = engine.Audio(place.audio, place.sample_rate)
        borders = {"start_time": place.start, "end_time": place.end}
        request = engine.Inpaint(audio=audio, tags="instrumental", **borders, seed=number, **fields)
        parts: list[ModelsPart] = []
        with patch.object(joining, "make_patches", _recording(parts)):
            result = self._model.render(request)
        if not np.array_equal(parts[0].joined(place).audio, result.audio):
            raise AssertionError("what was recorded of a render does not give its result")
        return parts[0]


def _recording(parts: list[ModelsPart]) -> Callable[..., Any]:
    def recording(read: Any, channels: int, made: Made, window: Any, fitting: Fitting, around: Any) -> Any:
        parts.append(ModelsPart(made, fitting))
        return make_patches(read, channels, made, window, fitting, around)

    return recording

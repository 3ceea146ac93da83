"""Joining what the model made to its source: the region in place, a report on its joints, the best of candidates.

Knows sources, windows and the seam; knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.buffer import Samples
from engine.audio.seam import Fitting, Made, Patch, make_patches
from engine.audio.seam_report import SeamReport, changed_samples, measure
from engine.audio.surroundings import Surroundings
from engine.audio.window import Region, Window
from engine.rendering.listening import Listening, padded
from engine.rendering.source import Source
from engine.requests.extent import output_of


@dataclass(frozen=True, eq=False)
class Piece:
    """One region as made: `made` holds its samples, fades included; `window` has this region only."""

    made: Made
    window: Window
    is_source: bool = False

    @property
    def region(self) -> Region:
        """The region."""
        return self.window.regions[0]


@dataclass(frozen=True, eq=False)
class Joined:
    """The result of one item: `audio` float32 (channels, n), its first sample at the source's position `offset`.

    `changed` are the positions [start, end) that were put in place, fades included; `patches` what was put there.
    """

    audio: Samples
    offset: int
    reports: tuple[SeamReport, ...]
    changed: tuple[tuple[int, int], ...] = ()
    patches: tuple[Patch, ...] = ()

    def fades(self, sample_rate: int) -> list[list[float]]:
        """Where its fades lie, [first, last) in seconds of the result: between them nothing of the source sounds."""
        joints = [joint for patch in self.patches for joint in patch.joints if joint is not None]
        return [[round((edge - self.offset) / sample_rate, 6) for edge in joint] for joint in joints]

    @property
    def score(self) -> float:
        """The worst of its joints: 0 is unheard."""
        return max(report.score for report in self.reports)

    @property
    def report(self) -> dict[str, Any]:
        """The report on the worst region, for JSON, with sentences for people."""
        worst = max(self.reports, key=lambda report: report.score)
        return {**worst.to_dict(), "words": worst.in_words()}


def single_regions(window: Window) -> tuple[Window, ...]:
    """A window as several, each with one of its regions."""
    pairs = zip(window.regions, window.masks, strict=True)
    return tuple(replace(window, regions=(region,), masks=(mask,)) for region, mask in pairs)


class Joiner:
    """Joins items to the same source. What the output needs of the source is read once."""

    def __init__(
        self,
        source: Source,
        windows: tuple[Window, ...],
        fitting: Fitting | bool,
        clip: bool,
        listening: Listening | None = None,
    ) -> None:
        """`fitting` as a bool is `match_loudness` with the fades at the borders. `listening` to these windows, where
        it was begun before."""
        self._source = source
        self._listening = listening
        self._fitting = fitting if isinstance(fitting, Fitting) else Fitting(fitting)
        self._start, self._stop = output_of(windows, clip)
        self._canvas = padded(source, self._start, self._stop)

    def join(self, pieces: list[Piece]) -> Joined:
        """One item from its pieces, one a region."""
        patches = tuple(self._patch(piece) for piece in pieces)
        audio = self._canvas.copy()
        overlay(audio, self._start, patches)
        outside = changed_samples(self._canvas, audio, self._start, patches)
        reports = tuple(
            measure(
                self._reader(patches),
                piece.window,
                patch,
                piece.region,
                outside,
                self._beside(piece, pieces),
                self._reader(()),
            )
            for piece, patch in zip(pieces, patches, strict=True)
        )
        return Joined(audio, self._start, reports, tuple((patch.position, patch.end) for patch in patches), patches)

    def _patch(self, piece: Piece) -> Patch:
        read = self._reader(())
        if piece.is_source:
            samples = read(piece.region.fade_start, piece.region.fade_end)
            return Patch(piece.region.fade_start, samples, 0.0, "none", "none")
        around = self._around(piece)
        return make_patches(read, self._source.channels, piece.made, piece.window, self._fitting, around)[0]

    def _around(self, piece: Piece) -> Surroundings | None:
        """What was heard around a region in the source, where somebody listened."""
        return None if self._listening is None else self._listening.around(piece.region)

    def _beside(self, piece: Piece, pieces: list[Piece]) -> Surroundings | None:
        """The same in the result, where no other region of it can lie there."""
        return self._around(piece) if len(pieces) == 1 else None

    def _reader(self, patches: tuple[Patch, ...]) -> Any:
        """Reads the source with patches in place, float64 at full scale +-1, silence where there is neither."""

        def read(start: int, stop: int) -> NDArray[np.float64]:
            samples = padded(self._source, start, stop).astype(np.float64)
            overlay(samples, start, patches)
            return samples

        return read


def overlay(samples: NDArray[Any], position: int, patches: tuple[Patch, ...]) -> None:
    """Put patches into `samples`, whose first is the source's `position`."""
    for patch in patches:
        first, last = max(position, patch.position), min(position + samples.shape[1], patch.end)
        if first < last:
            part = patch.samples[:, first - patch.position : last - patch.position]
            samples[:, first - position : last - position] = part


def choose_best(joined: list[Joined], candidates: int) -> set[int]:
    """Of each variation, the index of the candidate with the lowest score."""
    groups = range(0, len(joined), candidates)
    return {min(range(g, g + candidates), key=lambda i: joined[i].score) for g in groups}

"""Joining what the model made to its source: the region in place, fades around it, everything else untouched.

Knows samples, windows and the seam; knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.audio.buffer import Samples
from engine.audio.window import Region, Window
from engine.source import Source


@dataclass(frozen=True, eq=False)
class Joined:
    """The result of one item: `audio` float32 (channels, n), whose first sample is the source's position `offset`."""

    audio: Samples
    offset: int
    report: dict[str, Any] = field(default_factory=dict)
    score: float = 0.0


class Joiner:
    """Joins items to the same source. The source's samples are read once, and only where the output needs them."""

    def __init__(self, source: Source, windows: tuple[Window, ...], request: Any) -> None:
        self._source = source
        self._regions = tuple(r for w in windows for r in w.regions)
        self._request = request
        starts, ends = zip(*(w.output for w in windows), strict=True)
        self._start, self._stop = min(starts), max(ends)
        if request.output == "clip" and len(self._regions) == 1:
            self._start, self._stop = self._regions[0].fade_start, self._regions[0].fade_end
        self._canvas = self._read(self._start, self._stop)

    def join(self, pieces: list[list[Samples]]) -> Joined:
        """One item: for each window, for each of its regions, the made samples of [fade_start, fade_end)."""
        audio = self._canvas.copy()
        made = [piece for window in pieces for piece in window]
        for region, piece in zip(self._regions, made, strict=True):
            at = slice(region.fade_start - self._start, region.fade_end - self._start)
            audio[:, at] = self._faded(region, piece)
        return Joined(audio, self._start)

    def _faded(self, region: Region, made: Samples) -> Samples:
        original = self._read(region.fade_start, region.fade_end)
        weight = fade_weights(region)
        return original + (made - original) * weight

    def _read(self, start: int, stop: int) -> Samples:
        """The source's samples, with silence where it has none."""
        first, last = max(0, start), min(self._source.frames, stop)
        out = np.zeros((self._source.channels, stop - start), dtype=np.float32)
        if first < last:
            out[:, first - start : last - start] = self._source.read(first, last)
        return out


def fade_weights(region: Region) -> Samples:
    """How much of the made samples counts over [fade_start, fade_end): rises, 1 inside the region, falls."""
    weight = np.ones(region.fade_end - region.fade_start, dtype=np.float32)
    if region.fade_before:
        weight[: region.fade_before] = (np.arange(region.fade_before) + 1) / (region.fade_before + 1)
    if region.fade_after:
        weight[-region.fade_after :] = np.arange(region.fade_after, 0, -1) / (region.fade_after + 1)
    return weight


def choose_best(joined: list[Joined], candidates: int) -> set[int]:
    """Of each variation, the index of the candidate with the lowest score."""
    groups = range(0, len(joined), candidates)
    return {min(range(g, g + candidates), key=lambda i: joined[i].score) for g in groups}

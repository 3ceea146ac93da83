"""What sounds around the regions of a source, listened to beside the model's work: it is known before that begins.

Knows sources, windows and surroundings; knows no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.audio.beat_clock import BeatClock
from engine.audio.buffer import Samples
from engine.audio.seam import beat_span, surroundings_of
from engine.audio.surroundings import Surroundings
from engine.audio.window import Region, Window
from engine.rendering.source import Source


def padded(source: Source, start: int, stop: int) -> Samples:
    """The source's samples, to be read only (those in memory are not copied); silence beyond its ends."""
    if 0 <= start < stop <= source.frames:
        return source.read(start, stop)
    out = np.zeros((source.channels, max(0, stop - start)), dtype=np.float32)
    first, last = max(0, start), min(source.frames, stop)
    if first < last:
        out[:, first - start : last - start] = source.read(first, last)
    return out


class Listening:
    """A thread that listens around each region of `windows`, in their order, from when it is entered on.

    Leaving waits for the region that is being listened to, and leaves out the others.
    """

    def __init__(
        self, source: Source, windows: Sequence[Window], bpm: float | None, clock: BeatClock | None = None
    ) -> None:
        self._source, self._windows, self._bpm, self._clock = source, windows, bpm, clock
        self._thread = ThreadPoolExecutor(1, "listening")
        self._heard: dict[Region, Future[Surroundings]] = {}

    def __enter__(self) -> Self:
        pairs = [(window, region) for window in self._windows for region in window.regions]
        self._heard = {region: self._thread.submit(self._listen, window, region) for window, region in pairs}
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def around(self, region: Region) -> Surroundings:
        """What was heard around a region of the windows. Raises what reading the source raised."""
        return self._heard[region].result()

    def _listen(self, window: Window, region: Region) -> Surroundings:
        def read(start: int, stop: int) -> NDArray[Any]:
            return padded(self._source, start, stop).astype(np.float64)

        around = surroundings_of(read, window, region, self._clock)
        stop, gaps = beat_span(region, window.sample_rate)
        around.listen((stop - region.start) / window.sample_rate, gaps, self._bpm)
        return around

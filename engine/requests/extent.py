"""What a settled request covers: its region or extensions, the seconds that are made, seen and given back.

    piece        nothing is seen; `duration` is made                         text-to-audio, retake
    source       the whole source is seen and made                           audio-to-audio
    region       region and context are seen and made: one window            inpaint
    extension    context is seen, made with what is added: one or two        outpaint

The one place that says so: rendering, memory and the daemon's checks ask here. Numbers only: knows no file, no model
but its geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from engine.audio.outpaint_window import Extension, plan_outpaint
from engine.audio.window import Window, plan_window
from engine.constants import OUTPUT_SAMPLE_RATE
from engine.errors import InvalidRequest
from engine.geometry import Geometry
from engine.requests.settled import Settled

DEFAULT_END_SECONDS = 30.0


@dataclass(frozen=True)
class SourceShape:
    """Length, channels and rate of the source of a job."""

    samples: int
    channels: int
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.samples / self.sample_rate


@dataclass(frozen=True)
class Extent:
    """What a request covers. `windows` are those that are joined to a source; other tasks have none.

    `made_frames` and `seen_frames` are latent frames of the longest run of the sampler, and of what is encoded for it;
    `read` are the samples of the source that the model sees; `result_samples` and `channels` are of one result at
    `sample_rate`.
    """

    made_frames: int
    seen_frames: int
    result_samples: int
    sample_rate: int
    channels: int = 2
    windows: tuple[Window, ...] = ()
    read: tuple[int, int] = (0, 0)


def extent_of(settled: Settled, geometry: Geometry, source: SourceShape | None = None) -> Extent:
    """The extent of a request, with its source's shape for tasks that have one.

    Raises InvalidRequest for a region that is none, and for what is longer than the model makes at once.
    """
    return EXTENTS[type(settled.request).covers](settled, geometry, source)


def region_seconds(settled: Settled, duration: float) -> tuple[float, float]:
    """Start and end of a region, counted from the source's start; an end not given is min(30, duration)."""
    start, end = settled.start_time, settled.end_time
    if settled.start_time_relative_to == "end":
        start = duration - start
    if end is None:
        return start, min(DEFAULT_END_SECONDS, duration)
    return start, duration - end if settled.end_time_relative_to == "end" else end


def _piece(settled: Settled, geometry: Geometry, source: SourceShape | None) -> Extent:
    rate = settled.sample_rate or OUTPUT_SAMPLE_RATE
    if settled.duration > geometry.max_seconds:
        raise InvalidRequest(
            "duration",
            f"{settled.duration:g} s",
            f"at most {geometry.max_seconds:g} s, the most that the model makes at once",
            "Make it shorter, or go on from its end with outpaint.",
        )
    samples = math.ceil(round(settled.duration * rate, 6))  # 8.2 s are whole samples, whatever floats say
    return Extent(geometry.frames_of_piece(settled.duration), 0, samples, rate)


def _source(settled: Settled, geometry: Geometry, source: SourceShape | None) -> Extent:
    shape = _known(source)
    if shape.samples > geometry.max_samples(shape.sample_rate):
        raise InvalidRequest(
            "audio",
            f"{shape.seconds:.1f} s",
            f"at most {geometry.max_seconds:g} s, the most that the model makes at once",
            "Cut the audio, or regenerate a part of it with inpaint.",
        )
    frames = geometry.frames_covering(shape.samples, shape.sample_rate)
    rate = settled.sample_rate or shape.sample_rate
    length = int(shape.seconds * rate)
    return Extent(frames, frames, length, rate, min(shape.channels, 2), read=(0, shape.samples))


def _region(settled: Settled, geometry: Geometry, source: SourceShape | None) -> Extent:
    shape = _known(source)
    start, end = region_seconds(settled, shape.seconds)
    fades = settled.context_seconds, settled.crossfade_seconds
    window = plan_window(shape.samples, shape.sample_rate, start, end, *fades, geometry)
    return _of_windows(settled, shape, (window,))


def _extension(settled: Settled, geometry: Geometry, source: SourceShape | None) -> Extent:
    shape = _known(source)
    added = Extension(settled.extend_before_duration, settled.extend_after_duration)
    fades = settled.context_seconds, settled.crossfade_seconds
    return _of_windows(settled, shape, plan_outpaint(shape.samples, shape.sample_rate, added, *fades, geometry))


def _of_windows(settled: Settled, shape: SourceShape, windows: tuple[Window, ...]) -> Extent:
    start, stop = output_of(windows, settled.output == "clip")
    rate = settled.sample_rate or shape.sample_rate
    return Extent(
        made_frames=max(window.frames for window in windows),
        seen_frames=max(window.frames_known for window in windows),
        result_samples=int((stop - start) / shape.sample_rate * rate),
        sample_rate=rate,
        channels=min(shape.channels, 2),
        windows=windows,
        read=(min(w.known_start for w in windows), max(w.known_end for w in windows)),
    )


def output_of(windows: tuple[Window, ...], clip: bool) -> tuple[int, int]:
    """First and last position of a result in samples of the source: of a clip with one region, that with its fades."""
    regions = [region for window in windows for region in window.regions]
    if clip and len(regions) == 1:
        return regions[0].fade_start, regions[0].fade_end
    outputs = [window.output for window in windows]
    return min(start for start, _ in outputs), max(stop for _, stop in outputs)


def _known(source: SourceShape | None) -> SourceShape:
    if source is None:
        raise InvalidRequest("audio", "nothing that can be read", "audio", "Give a path or engine.Audio.")
    return source


EXTENTS: dict[str, Callable[[Settled, Geometry, SourceShape | None], Extent]] = {
    "piece": _piece,
    "source": _source,
    "region": _region,
    "extension": _extension,
}

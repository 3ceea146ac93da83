"""Which part of a source the model sees, which part is regenerated, and where the fades lie. Numbers only.

                 context        fade   region    fade      context
    source  ...|---------------|~~~~|###########|~~~~|---------------|...
               start                                                end      of the window, any integer samples
    frames     0 ........ [mask start ............ mask end) ....... T       4,096 samples at 44.1 kHz each

All positions are samples of the source, 0 its first one; outpainting makes positions below 0 and beyond the end.
Fades lie outside the region and are cut at the file's ends. Knows no audio, no file and no model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.constants import V1_GEOMETRY
from engine.errors import InvalidRequest
from engine.geometry import Geometry

DEFAULT_CONTEXT_SECONDS = 10.0
DEFAULT_CROSSFADE_SECONDS = 0.03


@dataclass(frozen=True)
class Region:
    """The part regenerated, [start, end), and the lengths of the fades before and after it; all in samples."""

    start: int
    end: int
    fade_before: int = 0
    fade_after: int = 0

    @property
    def fade_start(self) -> int:
        return self.start - self.fade_before

    @property
    def fade_end(self) -> int:
        return self.end + self.fade_after


@dataclass(frozen=True)
class Window:
    """What the model renders, [start, end) in samples of the source, as `frames` latent frames.

    The source's samples [known_start, known_end) are encoded; `frames_before` and `frames_after` empty frames stand
    around their `frames_known` where outpainting goes beyond the file. `masks` are the frame ranges to regenerate, one
    a region, counted from the window's first frame. Sample i of the made audio, at the source's rate, is the source's
    position `start + i`. `output` is the range of the whole result: the file, and what outpainting adds.
    """

    sample_rate: int
    source_samples: int
    start: int
    end: int
    known_start: int
    known_end: int
    frames: int
    frames_before: int
    frames_known: int
    regions: tuple[Region, ...]
    masks: tuple[tuple[int, int], ...]
    parity: bool = False

    @property
    def frames_after(self) -> int:
        return self.frames - self.frames_before - self.frames_known

    @property
    def samples(self) -> int:
        """Samples of the made audio that are used, at the source's rate."""
        return self.end - self.start

    @property
    def region(self) -> Region:
        """The only region; of an outpainting on both sides, the first."""
        return self.regions[0]

    @property
    def output(self) -> tuple[int, int]:
        """First and last position of the full-length result; below 0 and beyond the file for outpainting."""
        return min(0, self.regions[0].start), max(self.source_samples, self.regions[-1].end)

    def mask(self) -> NDArray[np.bool_]:
        """True where a frame is regenerated: bool (T,)."""
        mask = np.zeros(self.frames, dtype=bool)
        for first, last in self.masks:
            mask[first:last] = True
        return mask


def plan_window(
    source_samples: int,
    sample_rate: int,
    start_seconds: float,
    end_seconds: float,
    context_seconds: float | None = DEFAULT_CONTEXT_SECONDS,
    crossfade_seconds: float = DEFAULT_CROSSFADE_SECONDS,
    geometry: Geometry = V1_GEOMETRY,
) -> Window:
    """The window for inpainting [start_seconds, end_seconds). Context None is the reference's way: the whole file.

    Raises InvalidRequest with the field start_time, end_time, context_seconds or crossfade_seconds.
    """
    check_length(source_samples, sample_rate)
    check_settings(context_seconds, crossfade_seconds)
    start, end = _region_samples(source_samples, sample_rate, (start_seconds, end_seconds), geometry)
    fade = round(crossfade_seconds * sample_rate)
    if context_seconds is None:
        return _parity_window(source_samples, sample_rate, (start_seconds, end_seconds), fade, geometry)
    region = Region(start, end, min(fade, start), min(fade, source_samples - end))
    context = round(context_seconds * sample_rate)
    before, after = _share_context(region, source_samples, context, geometry.max_samples(sample_rate))
    window_start, window_end = region.fade_start - before, region.fade_end + after
    frames = geometry.frames_covering(window_end - window_start, sample_rate)
    window_end = min(source_samples, window_start + geometry.samples_within(frames, sample_rate))
    return finish(
        Window(
            sample_rate=sample_rate,
            source_samples=source_samples,
            start=window_start,
            end=window_end,
            known_start=window_start,
            known_end=window_end,
            frames=frames,
            frames_before=0,
            frames_known=frames,
            regions=(region,),
            masks=(),
        ),
        geometry,
    )


def finish(window: Window, geometry: Geometry) -> Window:
    """The window with its masks: [floor(fade start r), ceil(fade end r)) from its first sample, for each region."""
    rate = window.sample_rate
    masks = tuple(
        (
            max(0, geometry.frame_floor(r.fade_start - window.start, rate)),
            min(window.frames, geometry.frame_ceil(r.fade_end - window.start, rate)),
        )
        for r in window.regions
    )
    return replace(window, masks=masks)


def _share_context(region: Region, source_samples: int, context: int, limit: int) -> tuple[int, int]:
    """Context in samples before and after the fades: what is asked for, cut at the file's ends and at `limit`."""
    before = min(max(context - region.fade_before, 0), region.fade_start)
    after = min(max(context - region.fade_after, 0), source_samples - region.fade_end)
    room = max(0, limit - (region.fade_end - region.fade_start))
    if before + after <= room:
        return before, after
    half = room // 2
    if before <= half:
        return before, room - before
    if after <= half:
        return room - after, after
    return half, room - half


def _parity_window(
    source_samples: int, sample_rate: int, seconds: tuple[float, float], fade: int, geometry: Geometry
) -> Window:
    """The reference's window: the whole file, mask [int(start r), int(end r)), the splice at those borders."""
    if source_samples > geometry.max_samples(sample_rate):
        raise whole_file_too_long(source_samples / sample_rate, geometry)
    frames = geometry.frames_covering(source_samples, sample_rate)
    first, last = geometry.frames_of(seconds[0]), min(frames, geometry.frames_of(seconds[1]))
    if first >= last:
        raise InvalidRequest(
            "end_time",
            f"{seconds[1]:g} s, in the same latent frame as start_time {seconds[0]:g} s",
            f"a region of at least one frame of {1000 / geometry.frame_rate:.1f} ms when context_seconds is null",
            "Choose a longer region, or give context_seconds a number.",
        )
    start = geometry.position_of_frame(first, sample_rate)
    end = source_samples if last == frames else min(source_samples, geometry.position_of_frame(last, sample_rate))
    return Window(
        sample_rate=sample_rate,
        source_samples=source_samples,
        start=0,
        end=source_samples,
        known_start=0,
        known_end=source_samples,
        frames=frames,
        frames_before=0,
        frames_known=frames,
        regions=(Region(start, end, min(fade, start), min(fade, source_samples - end)),),
        masks=((first, last),),
        parity=True,
    )


def whole_file_too_long(seconds: float, geometry: Geometry) -> InvalidRequest:
    return InvalidRequest(
        "context_seconds",
        f"null (the whole file) for a file of {seconds:.1f} s",
        f"a file of at most {geometry.max_seconds:g} s, since the model sees no more",
        "Give context_seconds a number, for example 10.",
    )


def _region_samples(
    source_samples: int, sample_rate: int, seconds: tuple[float, float], geometry: Geometry
) -> tuple[int, int]:
    """The region in samples of the source, checked."""
    start, end = seconds
    for field, value in (("start_time", start), ("end_time", end)):
        if not math.isfinite(value):
            raise InvalidRequest(field, f"{value}", "a finite number of seconds", "Give a time in seconds.")
    duration = source_samples / sample_rate
    first, last = round(start * sample_rate), round(end * sample_rate)
    if first < 0:
        raise InvalidRequest(
            "start_time", f"{start:g} s", f"a time from 0 to {duration:g} s", "To extend the audio use outpaint."
        )
    if first >= source_samples:
        raise InvalidRequest(
            "start_time",
            f"{start:g} s, beyond the end of the audio",
            f"a time before its end at {duration:g} s",
            "Choose a region inside the audio.",
        )
    if first == last:
        raise InvalidRequest(
            "end_time", f"{end:g} s, the same as start_time", "a region of some length", "Select a time range."
        )
    if first > last:
        raise InvalidRequest(
            "start_time",
            f"{start:g} s, after end_time {end:g} s",
            "start_time before end_time",
            "Swap the two or choose another region.",
        )
    if last > source_samples:
        raise InvalidRequest(
            "end_time",
            f"{end:g} s, beyond the end of the audio",
            f"at most {duration:g} s",
            "End the region inside the audio, or use outpaint to make it longer.",
        )
    if last - first > geometry.max_samples(sample_rate):
        raise region_too_long("end_time", (last - first) / sample_rate, geometry)
    return first, last


def region_too_long(field: str, seconds: float, geometry: Geometry) -> InvalidRequest:
    return InvalidRequest(
        field,
        f"a region of {seconds:.1f} s",
        f"at most {geometry.max_seconds:g} s, the most that the model makes at once",
        "Regenerate it in several parts.",
    )


def check_length(source_samples: int, sample_rate: int) -> None:
    if source_samples <= 0:
        raise InvalidRequest("audio", "0 samples", "at least one sample", "Choose audio that is not empty.")
    if sample_rate <= 0:
        raise InvalidRequest("audio", f"sample rate {sample_rate}", "a positive rate", "Check the file.")


def check_settings(context_seconds: float | None, crossfade_seconds: float) -> None:
    checks = (("context_seconds", context_seconds), ("crossfade_seconds", crossfade_seconds))
    for field, value in checks:
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise InvalidRequest(field, f"{value}", "a number of seconds, 0 or more", "Leave it out for the default.")

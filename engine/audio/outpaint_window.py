"""The windows of outpainting: new audio before and after a source. Numbers only, as in `window`.

            new     |  fade    context                    context    fade |     new
    ###############|~~~~|-----------------|   source  |-----------------|~~~~|###############
                   0                                                   end of the source

Empty latent frames stand where there is no source; they are regenerated. Positions are samples of the source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.audio.window import (
    DEFAULT_CONTEXT_SECONDS,
    DEFAULT_CROSSFADE_SECONDS,
    Region,
    Window,
    check_length,
    check_settings,
    finish,
    region_too_long,
    whole_file_too_long,
)
from engine.constants import V1_GEOMETRY
from engine.errors import InvalidRequest
from engine.geometry import Geometry


@dataclass(frozen=True)
class Extension:
    """What outpainting adds before and after a source, in seconds."""

    before_seconds: float = 0.0
    after_seconds: float = 0.0


def plan_outpaint(
    source_samples: int,
    sample_rate: int,
    extension: Extension,
    context_seconds: float | None = DEFAULT_CONTEXT_SECONDS,
    crossfade_seconds: float = DEFAULT_CROSSFADE_SECONDS,
    geometry: Geometry = V1_GEOMETRY,
) -> tuple[Window, ...]:
    """The windows for outpainting: one, or two where both sides do not fit into one or their contexts do not meet.

    Each window is at most as long as the model makes at once, and the nearest part to the new audio; what it does not
    see is kept from the source.
    Raises InvalidRequest with the field extend_before_duration or extend_after_duration.
    """
    check_length(source_samples, sample_rate)
    check_settings(context_seconds, crossfade_seconds)
    _check_extension(extension, geometry)
    plan = _Outpaint(source_samples, sample_rate, extension, round(crossfade_seconds * sample_rate), geometry)
    if context_seconds is None:
        return (plan.parity(),)
    return plan.windows(round(context_seconds * sample_rate))


def _check_extension(extension: Extension, geometry: Geometry) -> None:
    sides = (
        ("extend_before_duration", extension.before_seconds),
        ("extend_after_duration", extension.after_seconds),
    )
    for field, seconds in sides:
        if not math.isfinite(seconds) or seconds < 0:
            raise InvalidRequest(field, f"{seconds}", "a number of seconds, 0 or more", "Give a length in seconds.")
        if seconds > geometry.max_seconds:
            raise region_too_long(field, seconds, geometry)
    if extension.before_seconds == 0 and extension.after_seconds == 0:
        raise InvalidRequest(
            "extend_after_duration",
            "0 s on both sides",
            "some length to add",
            "Give extend_before_duration or extend_after_duration.",
        )


@dataclass(frozen=True)
class _Outpaint:
    """Outpainting of one source; lengths in samples of the source."""

    source_samples: int
    sample_rate: int
    extension: Extension
    fade: int
    geometry: Geometry

    @property
    def before(self) -> int:
        return round(self.extension.before_seconds * self.sample_rate)

    @property
    def after(self) -> int:
        return round(self.extension.after_seconds * self.sample_rate)

    @property
    def _fade(self) -> int:
        """The fade into the source, cut so that two of them never meet."""
        sides = 2 if self.before and self.after else 1
        return min(self.fade, self.source_samples // sides)

    def windows(self, context: int) -> tuple[Window, ...]:
        context = max(context, self._fade)
        whole = self.before + self.source_samples + self.after
        meets = not (self.before and self.after) or 2 * context >= self.source_samples
        if self.before and self.after and meets and whole <= self.geometry.max_samples(self.sample_rate):
            return (self._window(0, self.source_samples, self._regions()),)
        left, right = self._regions(after=False), self._regions(before=False)
        room_left, room_right = (min(context, self._room(n)) for n in (self.before, self.after))
        parts = []
        if left:
            parts.append(self._window(0, min(self.source_samples, room_left), left))
        if right:
            parts.append(self._window(max(0, self.source_samples - room_right), self.source_samples, right))
        return tuple(parts)

    def _room(self, added: int) -> int:
        """Samples of the source that fit into one window beside what is added; never less than the fade."""
        return max(self._fade, self.geometry.max_samples(self.sample_rate) - added)

    def _regions(self, before: bool = True, after: bool = True) -> tuple[Region, ...]:
        regions = []
        if before and self.before:
            regions.append(Region(-self.before, 0, 0, self._fade))
        if after and self.after:
            end = self.source_samples
            regions.append(Region(end, end + self.after, self._fade, 0))
        return tuple(regions)

    def _window(self, known_start: int, known_end: int, regions: tuple[Region, ...]) -> Window:
        """A window over source [known_start, known_end), at least a sample of it, and the regions around."""
        rate = self.sample_rate
        known_end = max(known_end, known_start + 1)
        if known_start == known_end - 1 and known_start == self.source_samples:
            known_start, known_end = known_start - 1, known_end - 1
        added_before = max(0, -regions[0].start)
        frames_before = self.geometry.frame_ceil(added_before, rate)
        start = known_start - self.geometry.position_of_frame(frames_before, rate)
        end = max(known_end, regions[-1].end)
        known = self.geometry.frames_covering(known_end - known_start, rate)
        frames = max(frames_before + known, self.geometry.frame_ceil(end - start, rate))
        return finish(
            Window(
                sample_rate=rate,
                source_samples=self.source_samples,
                start=start,
                end=end,
                known_start=known_start,
                known_end=known_end,
                frames=frames,
                frames_before=frames_before,
                frames_known=known,
                regions=regions,
                masks=(),
            ),
            self.geometry,
        )

    def parity(self) -> Window:
        """The reference's frames: int(seconds r) on each side of the source's, far ends dropped beyond the longest."""
        rate, length = self.sample_rate, self.source_samples
        if length > self.geometry.max_samples(rate):
            raise whole_file_too_long(length / rate, self.geometry)
        frames_before = self.geometry.frames_of(self.extension.before_seconds)
        known = self.geometry.frames_covering(length, rate)
        frames_after = 0
        if self.after:
            frames_after = max(0, self.geometry.frames_of(length / rate + self.extension.after_seconds) - known)
        if frames_before + frames_after == 0:
            raise _extension_too_short(self.extension, self.geometry)
        dropped = frames_before + known + frames_after - self.geometry.max_frames
        return self._parity_window(frames_before, known, frames_after, max(0, dropped))

    def _parity_window(self, before: int, known: int, after: int, dropped: int) -> Window:
        rate, length = self.sample_rate, self.source_samples
        if dropped and before and after:
            raise _both_sides_too_long(self.geometry)
        cut_left = self.geometry.position_of_frame(dropped, rate) if after else 0
        known_end = self.geometry.position_of_frame(known - dropped, rate) if dropped and before else length
        known -= dropped
        start = cut_left - self.geometry.position_of_frame(before, rate)
        regions, masks = [], []
        if before:
            regions.append(Region(-self.geometry.position_of_frame(before, rate), 0, 0, self._fade))
            masks.append((0, before))
        if after:
            end = cut_left + self.geometry.position_of_frame(known + after, rate)
            regions.append(Region(length, end, self._fade, 0))
            masks.append((before + known, before + known + after))
        return Window(
            sample_rate=rate,
            source_samples=length,
            start=start,
            end=max(known_end, regions[-1].end),
            known_start=cut_left,
            known_end=known_end,
            frames=before + known + after,
            frames_before=before,
            frames_known=known,
            regions=tuple(regions),
            masks=tuple(masks),
            parity=True,
        )


def _extension_too_short(extension: Extension, geometry: Geometry) -> InvalidRequest:
    field = "extend_after_duration" if extension.after_seconds else "extend_before_duration"
    return InvalidRequest(
        field,
        "less than one latent frame",
        f"at least {1000 / geometry.frame_rate:.1f} ms when context_seconds is null",
        "Extend by more, or give context_seconds a number.",
    )


def _both_sides_too_long(geometry: Geometry) -> InvalidRequest:
    return InvalidRequest(
        "context_seconds",
        f"null with more than {geometry.max_seconds:g} s in all on both sides",
        f"at most {geometry.max_seconds:g} s of source and extensions when the model sees the whole file",
        "Give context_seconds a number, for example 10.",
    )

"""What a request asks of the memory, told from its fields and the length of its source. Knows no torch and no model."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from msgspec import UNSET

from engine.audio import files
from engine.audio.buffer import Audio
from engine.errors import InvalidRequest
from engine.geometry import Geometry
from engine.memory.main_memory import SourceShape
from engine.memory.plan import Work
from engine.requests import Inpaint, Outpaint, Resolved

CHARACTERS_PER_TOKEN = 2.0
OTHER_TOKENS = 64  # tags, speaker, structure


def source_shape(request: Any) -> SourceShape | None:
    """Length, channels and rate of the source; None where there is none, or none that can be read."""
    audio = getattr(request, "audio", None)
    if isinstance(audio, Audio):
        return SourceShape(audio.frames, audio.channels, audio.sample_rate)
    if not isinstance(audio, str | os.PathLike):
        return None
    with contextlib.suppress(InvalidRequest):
        info = files.probe(audio)
        return SourceShape(info.frames, info.channels, info.sample_rate)
    return None


def work_of(resolved: Resolved, geometry: Geometry, source: SourceShape | None = None) -> Work:
    """What a resolved request asks of the memory; where its length is not known, the longest there is."""
    request: Any = resolved.request
    passes = 3 if resolved.double_guidance else 2
    known = source.samples / source.sample_rate if source else geometry.max_seconds
    seconds, encoded = _lengths(request, known)
    lyrics = sum(len(getattr(request, name, "") or "") for name in ("lyrics", "original_lyrics"))
    return Work(
        items=len(resolved.seeds),
        passes=passes,
        frames=geometry.frames_of(min(seconds, geometry.max_seconds)) + 1,
        encoded_frames=geometry.frames_of(min(encoded, geometry.max_seconds)),
        tokens=OTHER_TOKENS + int(lyrics / CHARACTERS_PER_TOKEN),
    )


def _lengths(request: Any, source_seconds: float) -> tuple[float, float]:
    """Seconds that the model makes, and seconds that are encoded."""
    duration = getattr(request, "duration", None)
    if duration is not None:
        return duration, 0.0
    context = getattr(request, "context_seconds", None)
    if isinstance(request, Outpaint):
        given: Any = request
        added = float(given.extend_before_duration + given.extend_after_duration)
        seen = source_seconds if context is None else min(source_seconds, 2 * context)
        return added + seen, seen
    region = _region_seconds(request)
    if context is None or region is None:
        return source_seconds, source_seconds
    window = min(source_seconds, region + 2 * context)
    return window, window


def _region_seconds(request: Any) -> float | None:
    """Seconds that an inpaint makes anew, where the request alone says it."""
    if not isinstance(request, Inpaint) or request.end_time is UNSET:
        return None
    same = request.start_time_relative_to == request.end_time_relative_to
    return abs(request.end_time - request.start_time) if same else None  # type: ignore[operator]

"""From a render to a file: the source's own numbers outside of what was changed, bit for bit. Knows no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from engine.audio import exact
from engine.audio.buffer import Audio
from engine.audio.files import AudioInfo, ExactReader, probe
from engine.audio.wave_writer import FileSpec
from engine.audio.write import spec_for, spec_like, write_audio, write_chunks
from engine.rendering.render import Render

_CHUNK_FRAMES = 1 << 18
Span = tuple[int, int]


def write_render(path: Path, render: Render, request: Any, source: Path | None, recipe: dict[str, Any]) -> str:
    """Write a render as its request wants it. Gives libsndfile's name of the sample format.

    Raises InvalidRequest, WriteError.
    """
    form = _given(request, "format")
    depth = _given(request, "bit_depth")
    offset = int(render.report.get("offset", 0))
    info = None if source is None else probe(source)
    audio = Audio(render.audio, render.sample_rate)
    if info is None or "changed" not in render.report or info.sample_rate != render.sample_rate:
        if depth is None and info is not None and info.integer_bits in (16, 24):
            depth = str(info.integer_bits)
        write_audio(path, audio, form, depth, recipe, offset if info else None)
        return spec_for(path, audio, form, depth).subtype
    spec = spec_like(info, path, audio.frames, audio.channels, form, depth)
    spec = replace(spec, recipe=recipe, time_reference=max(offset, 0))
    channels = _given(request, "channels")
    choice = [c - 1 for c in channels] if channels else None
    write_chunks(path, spec, _chunks(render, info, spec, choice))
    return spec.subtype


def _chunks(render: Render, info: AudioInfo, spec: FileSpec, choice: list[int] | None) -> Iterator[NDArray[Any]]:
    """The result in order, (channels, n) each: exact where nothing changed, rounded where it did."""
    own = spec_like(info, "source.wav", spec.frames, spec.channels)
    same = (own.exact_type, own.integer_bits) == (spec.exact_type, spec.integer_bits)
    offset, length = int(render.report.get("offset", 0)), render.audio.shape[1]
    with ExactReader(info, choice) as reader:
        for (start, stop), made in spans(offset, offset + length, render.report["changed"], info.frames):
            for at in range(start, stop, _CHUNK_FRAMES):
                end = min(at + _CHUNK_FRAMES, stop)
                if made or not same:
                    samples: NDArray[np.float64] = render.audio[:, at - offset : end - offset].astype(np.float64)
                    yield exact.from_float(samples, spec.exact_type, spec.integer_bits, at)
                else:
                    yield reader.read(at, end)


def spans(start: int, end: int, changed: list[list[int]], source_samples: int) -> Iterator[tuple[Span, bool]]:
    """[start, end) cut into spans in order, each with whether it was made (True) or is the source's own."""
    made = [*(tuple(c) for c in changed), (start, min(end, 0)), (max(start, source_samples), end)]
    at = start
    for a, b in sorted((max(a, start), min(b, end)) for a, b in made):
        if b <= max(a, at):
            continue
        if a > at:
            yield (at, a), False
        yield (max(a, at), b), True
        at = b
    if at < end:
        yield (at, end), False


def _given(request: Any, name: str) -> Any:
    value = getattr(request, name, None)
    return None if value is UNSET else value

"""What a render gives back, and how it becomes a file: outside of what was changed the source's own numbers, exactly.

A full-length result may be an hour long: it is written in chunks, the unchanged ones read from the source as they are.
Knows no network and no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio import exact
from engine.audio.buffer import Audio
from engine.audio.carried.model import Move
from engine.audio.files import AudioInfo, ExactReader
from engine.audio.metadata import read_carried
from engine.audio.wave_writer import FileSpec
from engine.audio.write import spec_for, spec_like, write_as, write_chunks
from engine.rendering.source import Source

_CHUNK_FRAMES = 1 << 16  # at most 1 MB a write: larger ones are ten times slower on ext4
_DEPTHS = {8: "16", 16: "16", 24: "24"}
Span = tuple[int, int]


@dataclass(eq=False)
class Render:
    """One result.

    `audio` is float32 (channels, samples) at `sample_rate`; `latents` float32 (C, H, T) of the window that the model
    made, context included. `timings` are seconds by stage (of the whole batch). `report` holds "model", "task",
    "request" (resolved), "seed", "retake_seed", "warnings", "memory", and for tasks with a source "window" and "region"
    ([start, end) in samples of the source), "regions", "changed" (regions with their fades), "offset" (position of
    `audio`'s first sample there) and "seam_report". `kept` is False for candidates that were not chosen. `source` is
    what `write` copies unchanged samples from.
    """

    audio: NDArray[np.float32]
    sample_rate: int
    latents: NDArray[np.float32]
    seed: int
    retake_seed: int
    timings: dict[str, float] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    variation: int = 0
    candidate: int = 0
    kept: bool = True
    source: Source | None = None

    def write(
        self,
        path: str | os.PathLike[str],
        recipe: dict[str, Any] | None = None,
    ) -> Path:
        """Write the result as `write_render` does; `recipe` None writes the report's own.

        Raises InvalidRequest for a format that cannot hold it, WriteError if it fails.
        """
        write_render(path, self, self.report.get("recipe") if recipe is None else recipe)
        return Path(path)


def write_render(path: str | os.PathLike[str], render: Render, recipe: dict[str, Any] | None) -> FileSpec:
    """Write a render as its request says: format, rate and depth are the source's where it says nothing.

    The file name's ending says the format, else the request. Gives what was written. Raises InvalidRequest for a
    format that cannot hold it, WriteError if it fails.
    """
    request = render.report["request"]
    form = None if Path(path).suffix else request.get("format")
    info = None if render.source is None else render.source.info
    offset = int(render.report.get("offset", 0))
    audio = Audio(render.audio, render.sample_rate)
    own = {} if info is None else _carried(info, render, offset)
    if info is None or "changed" not in render.report or info.sample_rate != render.sample_rate:
        depth = request.get("bit_depth") or source_depth(info)
        spec = replace(spec_for(path, audio, form, depth), recipe=recipe, **own)
        write_as(path, audio, spec)
        return spec
    spec = spec_like(info, path, audio.frames, audio.channels, form, request.get("bit_depth"))
    spec = replace(spec, recipe=recipe, **own)
    write_chunks(path, spec, _chunks(render, info, spec))
    return spec


def _carried(info: AudioInfo, render: Render, offset: int) -> dict[str, Any]:
    """What the source carries, its place on a timeline among it, as fields of the result's `FileSpec`."""
    carried = read_carried(info.path)
    move = Move(offset, render.audio.shape[1], render.sample_rate, info.frames, info.sample_rate)
    return {"carried": carried, "move": move, "time_reference": move.time_reference(carried.time_reference)}


def source_depth(info: AudioInfo | None) -> str | None:
    """The depth of a source, as requests name it: None (the writer's default) where there is no such file."""
    if info is None:
        return None
    if info.integer_bits is None:
        return "32f" if info.subtype in ("FLOAT", "DOUBLE") else "24"
    return _DEPTHS.get(info.integer_bits, "32f")


def _chunks(render: Render, info: AudioInfo, spec: FileSpec) -> Iterator[NDArray[Any]]:
    """The result in order, (channels, n) each: exact where nothing changed, rounded where it did."""
    assert render.source is not None
    own = spec_like(info, "source.wav", spec.frames, spec.channels)
    same = (own.exact_type, own.integer_bits) == (spec.exact_type, spec.integer_bits)
    offset, length = int(render.report.get("offset", 0)), render.audio.shape[1]
    with ExactReader(info, render.source.choice) as reader:
        for (start, stop), is_new in spans(offset, offset + length, render.report["changed"], info.frames):
            for at in range(start, stop, _CHUNK_FRAMES):
                end = min(at + _CHUNK_FRAMES, stop)
                if is_new or not same:
                    samples: NDArray[np.float64] = render.audio[:, at - offset : end - offset].astype(np.float64)
                    yield exact.from_float(samples, spec.exact_type, spec.integer_bits, at)
                else:
                    yield reader.read(at, end)


def spans(start: int, end: int, changed: list[list[int]], source_samples: int) -> Iterator[tuple[Span, bool]]:
    """[start, end) cut into spans in order, each with whether it was made (True) or is the source's own."""
    is_new = [*(tuple(c) for c in changed), (start, min(end, 0)), (max(start, source_samples), end)]
    at = start
    for a, b in sorted((max(a, start), min(b, end)) for a, b in is_new):
        if b <= max(a, at):
            continue
        if a > at:
            yield (at, a), False
        yield (max(a, at), b), True
        at = b
    if at < end:
        yield (at, end), False

"""Splicing into a file: a full-length result, copied in chunks from the source's own numbers, an hour as well as a
second. Regions and fades alone are rounded anew. Written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.audio import exact
from engine.audio.files import AudioInfo, ExactReader, probe, read_exact
from engine.audio.seam import Made, Patch, ReadSource, make_patches
from engine.audio.seam_report import SeamReport, changed_samples, measure
from engine.audio.wave_writer import FileSpec
from engine.audio.window import Window
from engine.audio.write import spec_like, write_chunks

_CHUNK_FRAMES = 1 << 18


@dataclass(frozen=True)
class Output:
    """How a spliced file is written. None: as the source is."""

    format: str | None = None
    bit_depth: str | None = None
    sample_rate: int | None = None
    recipe: dict[str, Any] | None = None
    time_reference: int | None = None


def splice_file(
    source: AudioInfo,
    made: Sequence[Made],
    windows: Sequence[Window],
    path: str | os.PathLike[str],
    output: Output | None = None,
    match_loudness: bool = True,
    channels: Sequence[int] | None = None,
) -> tuple[Patch, ...]:
    """Writes the source with the made regions in place; one `made` a window. Returns the patches for the report.

    With no windows the source is copied. At the source's rate and depth every sample outside of regions and fades
    is the source's own number.
    Raises InvalidRequest for a source that is damaged on the way, WriteError if it cannot be written.
    """
    output = output or Output()
    with ExactReader(source, channels) as reader:
        patches = _all_patches(reader, made, windows, match_loudness)
        start = min((window.output[0] for window in windows), default=0)
        end = max((window.output[1] for window in windows), default=source.frames)
        chunks = _spliced_chunks(reader, patches, start, end)
        own = spec_like(source, "source.wav", end - start, reader.channels)
        spec = spec_like(source, path, end - start, reader.channels, output.format, output.bit_depth)
        spec = replace(spec, recipe=output.recipe, time_reference=output.time_reference)
        rate = output.sample_rate or source.sample_rate
        if rate != source.sample_rate:
            spec = replace(spec, sample_rate=rate, frames=-(-spec.frames * rate // source.sample_rate))
            chunks = _at_rate(chunks, own, spec)
        elif (spec.exact_type, spec.integer_bits) != (own.exact_type, own.integer_bits):
            chunks = _requantised(chunks, own, spec)
        write_chunks(Path(path), spec, chunks)
    return patches


def measure_file(
    source: AudioInfo,
    patches: Sequence[Patch],
    windows: Sequence[Window],
    written: str | os.PathLike[str] | None = None,
    channels: Sequence[int] | None = None,
) -> tuple[SeamReport, ...]:
    """One report a region. Where `written` has the source's rate and depth, its window is read back and compared."""
    with ExactReader(source, channels) as reader:
        regions = [(window, region) for window in windows for region in window.regions]
        changed = [0] * len(regions) if written is None else _changed(reader, patches, windows, Path(written))
        read = _result_reader(reader, patches)
        return tuple(
            measure(read, window, patch, region, count)
            for (window, region), patch, count in zip(regions, patches, changed, strict=True)
        )


def _result_reader(reader: ExactReader, patches: Sequence[Patch]) -> ReadSource:
    """Reads the result at the source's rate, full scale +-1, by positions of the source."""

    def read(start: int, stop: int) -> NDArray[np.float64]:
        samples = exact.to_float(_source_chunk(reader, start, stop))
        for patch in patches:
            a, b = max(start, patch.position), min(stop, patch.end)
            if a < b:
                samples[:, a - start : b - start] = patch.samples[:, a - patch.position : b - patch.position]
        return samples

    return read


def _changed(reader: ExactReader, patches: Sequence[Patch], windows: Sequence[Window], written: Path) -> list[int]:
    """Samples outside of all patches that differ between source and result, within each region's window."""
    info = probe(written)
    comparable = info.sample_rate == reader.info.sample_rate and info.exact_type == reader.info.exact_type
    coarser = (info.integer_bits or 64) < (reader.info.integer_bits or 64)
    start = min(window.output[0] for window in windows)
    counts = []
    for window in windows:
        first, last = max(0, window.start), min(window.source_samples, window.end)
        count = 0
        if comparable and not coarser and info.channels == reader.channels:
            result = read_exact(info, first - start, last - start)
            count = changed_samples(reader.read(first, last), result, first, tuple(patches))
        counts += [count] * len(window.regions)
    return counts


def exact_source(reader: ExactReader) -> ReadSource:
    """A function (start, stop) that reads at full scale +-1 in float64."""
    return lambda start, stop: exact.to_float(reader.read(start, stop))


def _all_patches(
    reader: ExactReader, made: Sequence[Made], windows: Sequence[Window], match_loudness: bool
) -> tuple[Patch, ...]:
    read = exact_source(reader)
    return tuple(
        patch
        for piece, window in zip(made, windows, strict=True)
        for patch in make_patches(read, reader.channels, piece, window, match_loudness)
    )


def _spliced_chunks(reader: ExactReader, patches: Sequence[Patch], start: int, end: int) -> Iterator[NDArray[Any]]:
    """The result from position `start` to `end` in the source's own numbers."""
    info = reader.info
    quantised = [
        (p, exact.from_float(p.samples, info.exact_type, info.integer_bits, p.position - start)) for p in patches
    ]
    for first in range(start, end, _CHUNK_FRAMES):
        last = min(end, first + _CHUNK_FRAMES)
        chunk = _source_chunk(reader, first, last)
        for patch, samples in quantised:
            a, b = max(first, patch.position), min(last, patch.end)
            if a < b:
                chunk[:, a - first : b - first] = samples[:, a - patch.position : b - patch.position]
        yield chunk


def _source_chunk(reader: ExactReader, first: int, last: int) -> NDArray[Any]:
    """The source's numbers, zeros where it has none."""
    a, b = min(max(first, 0), reader.info.frames), min(max(last, 0), reader.info.frames)
    if (a, b) == (first, last):
        return np.array(reader.read(a, b))
    chunk = np.zeros((reader.channels, last - first), dtype=reader.info.exact_type)
    if a < b:
        chunk[:, a - first : b - first] = reader.read(a, b)
    return chunk


def _requantised(chunks: Iterator[NDArray[Any]], own: FileSpec, spec: FileSpec) -> Iterator[NDArray[Any]]:
    """Another depth: exact where it is finer, rounded where it is coarser."""
    position = 0
    finer = spec.integer_bits is not None and own.integer_bits is not None and spec.integer_bits >= own.integer_bits
    for chunk in chunks:
        yield chunk if finer else exact.from_float(exact.to_float(chunk), spec.exact_type, spec.integer_bits, position)
        position += chunk.shape[1]


def _at_rate(chunks: Iterator[NDArray[Any]], own: FileSpec, spec: FileSpec) -> Iterator[NDArray[Any]]:
    """Another rate, with exactly `spec.frames` samples."""
    stream = soxr.ResampleStream(own.sample_rate, spec.sample_rate, spec.channels, dtype="float64", quality="VHQ")
    position = 0
    for made in _converted(chunks, stream, spec.channels):
        part = made[:, : spec.frames - position]
        yield exact.from_float(part, spec.exact_type, spec.integer_bits, position)
        position += part.shape[1]
    if position < spec.frames:
        yield np.zeros((spec.channels, spec.frames - position), dtype=spec.exact_type)


def _converted(chunks: Iterator[NDArray[Any]], stream: Any, channels: int) -> Iterator[NDArray[np.float64]]:
    for chunk in chunks:
        yield stream.resample_chunk(np.ascontiguousarray(exact.to_float(chunk).T)).reshape(-1, channels).T
    yield stream.resample_chunk(np.zeros((0, channels)), last=True).reshape(-1, channels).T

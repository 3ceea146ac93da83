"""Checks of a submitted request that need its audio: what cannot be rendered is refused before it is queued.

Values are checked by `engine.requests`, which also says what is covered; this adds the file, main memory, and samples
that are not finite.
No torch; soundfile is loaded at the first call.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from bridge.jobs.connection import FREE_SOME
from bridge.protocol.errors import refused
from bridge.protocol.messages import FileInfo
from engine.constants import OUTPUT_SAMPLE_RATE, V1_GEOMETRY
from engine.errors import CheckpointError, InvalidRequest, about
from engine.families.facts import Facts, check_request
from engine.families.table import facts_of
from engine.memory.main_memory import UNLIMITED, bytes_of_result, check_results_fit, free_main_memory
from engine.requests import TASKS, Request, resolve
from engine.requests.fields import fields_of

if TYPE_CHECKING:
    from engine.audio.files import AudioInfo
    from engine.requests.settled import Settled

UNKNOWN_MODEL = Facts("v1", V1_GEOMETRY, tasks=frozenset(TASKS))  # what it cannot do, it refuses itself
_SURELY_FEW_CHARACTERS = 1500
_BLOCK_SAMPLES = 1 << 15
_CHANNELS = 2  # of a piece without a source
_SAMPLE_BYTES = {"wav": 4.0, "flac": 3.0, "mp3": 0.5, "ogg": 0.5}  # of one sample of one channel in a file, about
RECORD_BYTES = 1 << 20  # what a job leaves in the file of jobs, its log and its record, and far more


def file_info(path: Path) -> FileInfo:
    """What an audio file holds. Raises InvalidRequest for the field audio."""
    from engine.audio.files import probe

    info = probe(path)
    return FileInfo(
        sample_rate=info.sample_rate,
        channels=info.channels,
        samples=info.frames,
        duration=info.duration_seconds,
        format=info.format,
        subtype=info.subtype,
    )


def facts_of_model(model: str) -> Facts:
    """What is known of a model before it is loaded; of one that lies on another machine, what holds for most."""
    from engine.checkpoints import registry

    with contextlib.suppress(CheckpointError):
        return facts_of(registry.resolve(model).folder)
    return UNKNOWN_MODEL


def check_source(request: Request, path: Path, facts: Facts = UNKNOWN_MODEL, room: int = UNLIMITED) -> None:
    """Raises InvalidRequest unless the request can be rendered from the file at `path` by a model with these facts,
    RequestFailed (disk_full) where its results have no room in `room` bytes.
    """
    from engine.audio.files import check_channels, probe
    from engine.requests.extent import SourceShape, extent_of

    check_request(request, facts)
    info, settled = probe(path), resolve(request, facts.default_request)
    check_channels(info, None if settled.channels is None else [c - 1 for c in settled.channels])
    shape = SourceShape(info.frames, info.channels, info.sample_rate)
    extent = extent_of(settled, facts.geometry, shape)
    check_results_fit(settled, extent, free_main_memory())
    check_room(settled, extent.result_samples, extent.channels, room)
    if info.subtype in ("FLOAT", "DOUBLE"):
        _check_finite(info, *extent.read)


def check_clip(path: Path) -> None:
    """Raises InvalidRequest unless the file at `path` can be a reference clip."""
    from engine.audio.files import check_channels, probe

    with about("reference_audio"):
        info = probe(path)
        check_channels(info, None)
        if info.subtype in ("FLOAT", "DOUBLE"):
            _check_finite(info, 0, info.frames)


def check_region(request: Request, frames: int, sample_rate: int, facts: Facts = UNKNOWN_MODEL) -> None:
    """Raises InvalidRequest for times that audio of this length has not."""
    from engine.requests.extent import SourceShape, extent_of

    extent_of(resolve(request, facts.default_request), facts.geometry, SourceShape(frames, 2, sample_rate))


def check_memory(
    request: Request, facts: Facts = UNKNOWN_MODEL, free: int | None = None, room: int = UNLIMITED
) -> None:
    """Raises InvalidRequest with numbers where the results of a task without a source do not fit into main memory,
    RequestFailed (disk_full) where they have no room in `room` bytes.
    """
    from engine.requests.extent import extent_of

    settled = resolve(request, facts.default_request)
    extent = extent_of(settled, facts.geometry)
    check_results_fit(settled, extent, free_main_memory() if free is None else free)
    check_room(settled, extent.result_samples, extent.channels, room)


def check_room(settled: Settled, samples: int, channels: int, room: int) -> None:
    """Raises RequestFailed (disk_full) where the files of all results do not fit into `room` bytes of the disk."""
    each = samples * channels * _SAMPLE_BYTES[settled.format]
    needed = int(settled.variations * settled.candidates * each) + RECORD_BYTES
    if needed > room:
        got, expected = f"{room / 1e6:.0f} MB that are free", f"{needed / 1e6:.0f} MB for what this job makes"
        raise refused("disk_full", None, got, expected, FREE_SOME)


def surely_fits(request: Request, facts: Facts, free: int) -> bool:
    """Whether a piece without a source is short and small enough by what it names, without settling the request: for
    main memory, and for the disk, where it takes less.
    """
    if request.covers != "piece":
        return False
    fields = fields_of(type(request))

    def value(name: str) -> Any:
        given = getattr(request, name)
        return facts.default_request.get(name, fields[name].default) if given is UNSET else given

    seconds, rate = value("duration"), value("sample_rate")
    if not seconds <= facts.geometry.max_seconds:
        return False
    samples = math.ceil(seconds * (rate or OUTPUT_SAMPLE_RATE))
    return bool(value("variations") * value("candidates") * bytes_of_result(samples, _CHANNELS) <= free)


def check_loras(request: Request) -> None:
    """Raises InvalidRequest for a LoRA that is not there, before a model is loaded for it."""
    from engine.checkpoints.lora_pull import check_there

    for text in () if request.lora is UNSET else request.lora:
        check_there(text)


def has_many_words(request: Request) -> bool:
    """Whether lyrics may have too many tokens; few words are not counted, since that costs time."""
    texts = [getattr(request, name) for name in request.__struct_fields__ if "lyrics" in name]
    if sum(len(text) + 1 for text in texts if isinstance(text, str)) < _SURELY_FEW_CHARACTERS:
        return False  # without settling the request, which takes longer
    return len(resolve(request).all_lyrics) >= _SURELY_FEW_CHARACTERS


def check_lyrics(request: Request, model: str) -> None:
    """Raises InvalidRequest for words that have too many tokens.

    Without a vocabulary nothing is said here: the engine will say how to get it.
    """
    from engine.checkpoints import registry
    from engine.lyrics.encode import encode_lyrics

    if not facts_of_model(model).has_lyric_vocabulary:
        return
    own, settled = registry.resolve(model).folder / "lyric_vocab.json", resolve(request)
    with contextlib.suppress(CheckpointError):
        encode_lyrics(settled.all_lyrics, settled.language, own if own.exists() else None)


def _check_finite(info: AudioInfo, start: int, stop: int) -> None:
    import numpy as np

    from engine.audio.files import blocks_of

    bad, first, at = 0, 0, max(start, 0)
    for block in blocks_of(info, at, stop, _BLOCK_SAMPLES):  # (channels, n), small enough for the processor's cache
        finite = np.isfinite(block)
        if not finite.all():
            columns = ~finite.all(axis=0)
            first = first if bad else int(columns.argmax()) + at
            bad += int(finite.size - finite.sum())
        at += block.shape[1]
    if bad:
        raise InvalidRequest(
            "audio",
            f"{bad} samples that are NaN or infinite, the first at sample {first}",
            "finite samples",
            "Render the audio again; a plug-in may have produced them.",
        )

"""Checks of a submitted request that need its audio: what cannot be rendered is refused before it is queued.

Values are checked by `engine.requests`; this adds the file, the region in it, and samples that are not finite.
No torch; soundfile is loaded at the first call.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from bridge.protocol.messages import FileInfo
from engine.constants import MAX_DURATION_SECONDS
from engine.errors import CheckpointError, InvalidRequest
from engine.memory.main_memory import SourceShape, check_results_fit, free_main_memory
from engine.requests import AudioToAudio, Inpaint, Outpaint, Request

if TYPE_CHECKING:
    from engine.audio.files import AudioInfo

Span = tuple[int, int]
_LYRICS = ("context_lyrics_before", "lyrics", "context_lyrics_after")
_SURELY_FEW_CHARACTERS = 1500
_BLOCK_SAMPLES = 1 << 15
_DEFAULT_CONTEXT, _DEFAULT_FADE, _DEFAULT_END = 10.0, 0.03, 30.0


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


def check_source(request: Request, path: Path) -> None:
    """Raises InvalidRequest unless the request can be rendered from the file at `path`."""
    from engine.audio.files import check_channels, probe

    info = probe(path)
    chosen = _given(getattr(request, "channels", UNSET), None)
    check_channels(info, None if chosen is None else [c - 1 for c in chosen])
    start, stop = _needed(request, info.frames, info.sample_rate)
    check_memory(request, SourceShape(info.frames, info.channels, info.sample_rate))
    if info.subtype in ("FLOAT", "DOUBLE"):
        _check_finite(info, start, stop)


def check_region(request: Request, frames: int, sample_rate: int) -> None:
    """Raises InvalidRequest for times that audio of this length has not."""
    _needed(request, frames, sample_rate)


def check_memory(request: Request, source: SourceShape | None = None) -> None:
    """Raises InvalidRequest with numbers where the results do not fit into main memory."""
    check_results_fit(request, source, free_main_memory())


def has_many_words(request: Any) -> bool:
    """Whether lyrics may have too many tokens; few words are not counted, since that costs time."""
    return len(_lyrics(request)) >= _SURELY_FEW_CHARACTERS


def check_lyrics(request: Any, model: str) -> None:
    """Raises InvalidRequest for words that have too many tokens.

    Without a vocabulary nothing is said here: the engine will say how to get it.
    """
    from engine.checkpoints import registry
    from engine.lyrics.encode import encode_lyrics

    own = registry.resolve(model).folder / "lyric_vocab.json"
    with contextlib.suppress(CheckpointError):
        encode_lyrics(_lyrics(request), _given(request.language, None), own if own.exists() else None)


def _lyrics(request: Any) -> str:
    return "\n".join(t for t in (_given(getattr(request, n, UNSET), "") for n in _LYRICS) if t)


def _needed(request: Any, frames: int, rate: int) -> Span:
    """The samples that the model reads. Raises InvalidRequest for a region that is none."""
    if isinstance(request, Inpaint):
        return _inpaint(request, frames, rate)
    if isinstance(request, Outpaint):
        return _outpaint(request, frames, rate)
    if isinstance(request, AudioToAudio) and frames > MAX_DURATION_SECONDS * rate:
        raise InvalidRequest(
            "audio",
            f"{frames / rate:.1f} s",
            f"at most {MAX_DURATION_SECONDS:g} s, the most that the model makes at once",
            "Cut the audio, or regenerate a part of it with inpaint.",
        )
    return 0, frames


def _inpaint(request: Any, frames: int, rate: int) -> Span:
    from engine.audio.window import plan_window

    duration = frames / rate
    start, end = _given(request.start_time, 0.0), _given(request.end_time, None)
    if _given(request.start_time_relative_to, "start") == "end":
        start = duration - start
    if end is None:
        end = min(_DEFAULT_END, duration)
    elif _given(request.end_time_relative_to, "start") == "end":
        end = duration - end
    window = plan_window(frames, rate, start, end, *_settings(request))
    return window.known_start, window.known_end


def _outpaint(request: Any, frames: int, rate: int) -> Span:
    from engine.audio.outpaint_window import Extension, plan_outpaint

    before, after = _given(request.extend_before_duration, 0.0), _given(request.extend_after_duration, _DEFAULT_END)
    windows = plan_outpaint(frames, rate, Extension(before, after), *_settings(request))
    return min(w.known_start for w in windows), max(w.known_end for w in windows)


def _settings(request: Any) -> tuple[float | None, float]:
    return _given(request.context_seconds, _DEFAULT_CONTEXT), _given(request.crossfade_seconds, _DEFAULT_FADE)


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


def _given(value: Any, default: Any) -> Any:
    return default if value is UNSET else value

"""From an `engine` request to what travels: JSON, and audio as path, hash or buffer. Knows no socket and no torch.

Audio in memory is written into the daemon's store where that is at hand, so that it crosses no socket.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import UNSET, structs

from engine import Audio
from engine.audio.wave_writer import FileSpec, interleave, wave_header
from engine.requests import Request, to_dict

Prepared = tuple[dict[str, Any], list[bytes | memoryview]]
_OTHER_FORMS = ("data:", "sha256:", "http://", "https://", "buffer:")


def prepare(request: Request | Mapping[str, Any], send_audio: bool, store: Path | None = None) -> Prepared:
    """The request as JSON and its buffers. `send_audio`: files travel as bytes (the daemon is elsewhere).

    `store` is the folder of the daemon's audio, None where only bytes reach it. Raises OSError if a file that must
    travel cannot be read.
    """
    audio = request.get("audio", UNSET) if isinstance(request, Mapping) else getattr(request, "audio", UNSET)
    if audio is UNSET:
        return _as_dict(request), []
    told, buffers = _audio(audio, send_audio, store)
    if isinstance(request, Mapping):
        return {**request, "audio": told}, buffers
    return to_dict(structs.replace(request, audio=told)), buffers


def _as_dict(request: Request | Mapping[str, Any]) -> dict[str, Any]:
    return dict(request) if isinstance(request, Mapping) else to_dict(request)


def _audio(audio: Any, send_audio: bool, store: Path | None) -> tuple[Any, list[bytes | memoryview]]:
    if isinstance(audio, Audio):
        return _handed_over(_wave(audio), store)
    if isinstance(audio, bytes | bytearray | memoryview):
        return _handed_over(bytes(audio), store)
    if isinstance(audio, str) and audio.startswith(_OTHER_FORMS):
        return audio, []
    if not isinstance(audio, str | os.PathLike):
        return audio, []
    path = Path(audio).expanduser().absolute()
    return ("buffer:0", [path.read_bytes()]) if send_audio else (str(path), [])


def _handed_over(data: bytes | memoryview, store: Path | None) -> tuple[str, list[bytes | memoryview]]:
    if store is not None and len(data):
        from bridge.files.sources import suffix_of
        from bridge.files.store import AudioStore

        with contextlib.suppress(OSError):  # such as a folder that this program may not write
            return f"sha256:{AudioStore(store).put(data, suffix_of(data))[0]}", []
    return "buffer:0", [data]


def _wave(audio: Audio) -> memoryview:
    """A float WAV in memory, in one copy of the samples."""
    spec = FileSpec("WAV", "FLOAT", audio.sample_rate, audio.channels, audio.frames)
    header = wave_header(spec)
    data = np.empty(len(header) + audio.samples.size * 4, np.uint8)
    data[: len(header)] = np.frombuffer(header, np.uint8)
    interleave(audio.samples, data[len(header) :].view("<f4").reshape(-1, audio.channels))
    return data.data

"""From an `engine` request to what travels: JSON, and audio by one of these ways. Knows no socket and no torch.

into_store   this machine's daemon: files by path, audio in memory through the daemon's store
by_path      the same without a store at hand: audio in memory as a buffer
by_hash      another machine's daemon, which may have the audio already
as_buffer    another machine's daemon, which does not
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import UNSET, structs

from bridge.file_names import is_text
from bridge.protocol.frames import MAX_MESSAGE_BYTES
from engine import Audio
from engine.audio.wave_writer import FileSpec, interleave, wave_header
from engine.errors import InvalidRequest
from engine.requests import Request, to_dict

Data = bytes | memoryview
Prepared = tuple[dict[str, Any], list[Data]]
Told = tuple[str, list[Data]]  # what the request says of its audio, and the message's buffers
Way = Callable[[Path | Data], Told]
AUDIO = ("audio", "reference_audio")  # the fields that hold audio, of all tasks
_OTHER_FORMS = ("data:", "sha256:", "http://", "https://", "buffer:")


def prepare(request: Request | Mapping[str, Any], way: Way) -> Prepared:
    """The request as JSON and its buffers. Raises OSError if a file that must be read cannot be."""
    named: dict[str, Any] = {}
    buffers: list[Data] = []
    for field in AUDIO:
        audio = request.get(field, UNSET) if isinstance(request, Mapping) else getattr(request, field, UNSET)
        if audio is not UNSET:
            told, more = _told(audio, way)
            named[field] = f"buffer:{len(buffers)}" if more else told
            buffers += more
    if isinstance(request, Mapping):
        return {**request, **named}, buffers
    return to_dict(structs.replace(request, **named)), buffers


def by_path(audio: Path | Data) -> Told:
    """Files by their path, if that can be said in JSON, else and bytes as a buffer."""
    return (str(audio), []) if isinstance(audio, Path) and is_text(str(audio)) else as_buffer(audio)


def into_store(folder: Path) -> Way:
    """Files by their path, bytes through the store in `folder`; as a buffer where that may not be written."""
    return partial(_into_store, folder)


def by_hash(audio: Path | Data) -> Told:
    """By content alone."""
    from bridge.files.store import hash_file

    return f"sha256:{hash_file(audio) if isinstance(audio, Path) else sha256(audio).hexdigest()}", []


def as_buffer(audio: Path | Data) -> Told:
    """Whole. Raises InvalidRequest for more than a message holds."""
    size = audio.stat().st_size if isinstance(audio, Path) else len(audio)
    if size > MAX_MESSAGE_BYTES:
        expected = f"at most {MAX_MESSAGE_BYTES / 1e9:.2f} GB for another machine"
        raise InvalidRequest("audio", f"{size / 1e9:.2f} GB", expected, "Send it as FLAC, or cut the part that counts.")
    return "buffer:0", [audio.read_bytes() if isinstance(audio, Path) else audio]


def _into_store(folder: Path, audio: Path | Data) -> Told:
    if isinstance(audio, Path) and not is_text(str(audio)):
        return _file_into_store(folder, audio)
    if isinstance(audio, Path) or not len(audio):
        return by_path(audio)
    from bridge.files.store import AudioStore, suffix_of

    with contextlib.suppress(OSError):
        return f"sha256:{AudioStore(folder).put(audio, suffix_of(audio))[0]}", []
    return as_buffer(audio)


def _file_into_store(folder: Path, path: Path) -> Told:
    """A file whose name is no UTF-8, by its content. Raises OSError."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return as_buffer(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            return _into_store(folder, view)


def _told(audio: Any, way: Way) -> tuple[Any, list[Data]]:
    if isinstance(audio, Audio):
        return way(_wave(audio))
    if isinstance(audio, bytes | bytearray | memoryview):
        return way(bytes(audio))
    if not isinstance(audio, str | os.PathLike) or str(audio).startswith(_OTHER_FORMS):
        return audio, []
    return way(Path(audio).expanduser().absolute())


def _wave(audio: Audio) -> memoryview:
    """A float WAV in memory, in one copy of the samples."""
    spec = FileSpec("WAV", "FLOAT", audio.sample_rate, audio.channels, audio.frames)
    header = wave_header(spec)
    data = np.empty(len(header) + audio.samples.size * 4, np.uint8)
    data[: len(header)] = np.frombuffer(header, np.uint8)
    interleave(audio.samples, data[len(header) :].view("<f4").reshape(-1, audio.channels))
    return data.data

"""From what a request says of its audio to a file: path, data: URI, sha256: hash, buffer of the message, URL.

Knows the store and the allowed roots; does not open the audio.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.files.fetch import UrlRules, fetch
from bridge.files.roots import check_allowed, named_path
from bridge.files.store import AudioStore, suffix_of
from bridge.protocol.errors import InvalidField, RequestFailed, about_field, refused

_EXPECTED = "a path, a data: URI, sha256:<hash> of an upload or result, or buffer:<number>"


@dataclass(frozen=True)
class SourceFile:
    """A file to render from. `sha256` is set if it lies in the store, which must then keep it.

    `came_along`: the request brought it, so that nobody else knows it if the request is refused.
    """

    path: Path
    sha256: str | None = None
    came_along: bool = False


@dataclass(frozen=True)
class Attached:
    """The buffers of a message and their hashes, already checked."""

    buffers: Sequence[bytes | bytearray | memoryview] = ()
    hashes: Sequence[str] = ()


def locate(
    audio: Any,
    store: AudioStore,
    attached: Attached,
    roots: Sequence[Path] | None,
    urls: UrlRules | None = None,
    field: str = "audio",
) -> SourceFile:
    """The file that a request's field names. `roots` None: the user's own client, who may name any file.

    Raises InvalidField, UnknownThing (unknown_audio), OSError.
    """
    with about_field(field):
        return _located(audio, store, attached, roots, urls)


def _located(
    audio: Any, store: AudioStore, attached: Attached, roots: Sequence[Path] | None, urls: UrlRules | None
) -> SourceFile:
    if not isinstance(audio, str) or not audio:
        raise _wrong(f"{type(audio).__name__}")
    if audio.startswith("buffer:"):
        return _buffer(audio, store, attached)
    if audio.startswith("sha256:"):
        return _stored(audio, store)
    if audio.startswith("data:"):
        return _data_uri(audio, store)
    if audio.startswith(("http://", "https://")):
        digest, path = fetch(audio, store, urls or UrlRules())
        return SourceFile(path, digest, came_along=True)
    path = _path(audio, roots)
    return SourceFile(path, path.stem if store.find(path.stem) == path else None)


def _path(audio: str, roots: Sequence[Path] | None) -> Path:
    if "\0" in audio:
        raise _wrong("a path with a NUL character")
    path = named_path(audio, "audio")
    if not path.is_absolute():
        raise _wrong(f"the relative path {audio}", "Give the whole path: the daemon has another current folder.")
    if roots is not None:
        check_allowed(path, roots)
    return path


def _buffer(audio: str, store: AudioStore, attached: Attached) -> SourceFile:
    number = audio.removeprefix("buffer:")
    if not number.isdecimal() or int(number) >= len(attached.buffers):
        raise _wrong(f"{audio} in a message with {len(attached.buffers)} buffers", "Count buffers from 0.")
    data = attached.buffers[int(number)]
    return _put(data, store, attached.hashes[int(number)])


def _stored(audio: str, store: AudioStore) -> SourceFile:
    digest = audio.removeprefix("sha256:").lower()
    path = store.find(digest)
    if path is None:
        raise unknown_audio(audio)
    return SourceFile(path, digest)


def unknown_audio(audio: str, field: str = "audio") -> RequestFailed:
    """The error for a hash that says nothing here."""
    expected, remedy = "the hash of an upload or a result", "Upload the audio again."
    return refused("unknown_audio", field, audio[:80], expected, remedy)


def _data_uri(audio: str, store: AudioStore) -> SourceFile:
    head, comma, body = audio.partition(",")
    if not comma or not head.endswith(";base64"):
        raise _wrong(f"{audio[:40]}...", "Write data:audio/wav;base64,...")
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong("a data: URI whose base64 is damaged", "Encode the file again, as RFC 4648 says.") from error
    return _put(data, store, None)


def _put(data: bytes | bytearray | memoryview, store: AudioStore, sha256: str | None) -> SourceFile:
    if not len(data):
        raise _wrong("no bytes", "Choose audio that is not empty.")
    digest, path = store.put(data, suffix_of(data), sha256)
    return SourceFile(path, digest, came_along=True)


def _wrong(got: str, remedy: str = "Give the audio in one of these forms.") -> RequestFailed:
    error = refused("invalid_request", "audio", got, _EXPECTED, remedy)
    assert isinstance(error, InvalidField)
    return error

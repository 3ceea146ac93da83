"""Frames: `signature | header | content | buffers...`, packed, signed and checked. Knows no socket and no operation.

The signature is HMAC-SHA256 over header and content, each preceded by its length in 8 big-endian bytes, and is
checked before anything is decoded (docs/protocol.md, after Jupyter's messaging).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bridge.protocol.errors import BadSignature, ProtocolError

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 1 << 30
MAX_REQUEST_ID_CHARACTERS = 200
MAX_FRAMES = 64  # of one message, buffers included
Data = bytes | bytearray | memoryview
_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_UNREADABLE = (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError)


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who says what, when: `time` in seconds since 1970; replies name the request in `parent_id`."""

    version: int
    id: str
    op: str
    time: float
    parent_id: str = ""


class BufferEntry(msgspec.Struct, frozen=True):
    """A buffer as content lists it: bytes, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Message:
    """A message whose signature and buffers were checked. `content` is without its `buffers` list."""

    header: Header
    content: dict[str, Any]
    buffers: list[Data] = field(default_factory=list)
    buffer_hashes: list[str] = field(default_factory=list)


Clock = Callable[[], float]


def new_header(op: str, parent_id: str = "", clock: Clock = time.time) -> Header:
    """A header of this version with a fresh id."""
    return Header(version=PROTOCOL_VERSION, id=uuid.uuid4().hex, op=op, time=round(clock(), 3), parent_id=parent_id)


def sign(key: str, header: bytes, content: bytes) -> bytes:
    """64 hexadecimal characters of HMAC-SHA256 with the ASCII bytes of `key`."""
    mac = hmac.new(key.encode("ascii"), digestmod=hashlib.sha256)
    for part in (header, content):
        mac.update(len(part).to_bytes(8, "big"))
        mac.update(part)
    return mac.hexdigest().encode("ascii")


def encode_json(value: Any) -> bytes:
    """Compact JSON in UTF-8, without NaN and Infinity. Raises `ProtocolError`."""
    try:
        return _JSON.encode(msgspec.to_builtins(value)).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"This cannot travel as JSON: {error}") from error


def pack(
    key: str,
    header: Header,
    content: Any,
    buffers: Sequence[Data] = (),
    hashes: Sequence[str] = (),
) -> list[Data]:
    """The frames of a message. `hashes` are the buffers' SHA-256 where they are known already."""
    body = dict(msgspec.to_builtins(content))
    if buffers:
        known = list(hashes) or [hashlib.sha256(b).hexdigest() for b in buffers]
        body["buffers"] = [{"size": memoryview(b).nbytes, "sha256": h} for b, h in zip(buffers, known, strict=True)]
    head, text = encode_json(header), encode_json(body)
    return [sign(key, head, text), head, text, *buffers]


def check_signature(key: str, frames: Sequence[Data]) -> None:
    """Raises `BadSignature` unless the first frame signs the next two."""
    if not 3 <= len(frames) <= MAX_FRAMES:
        raise BadSignature(f"got {len(frames)} frames, expected signature, header, content and at most 61 buffers")
    signature, header, content = (bytes(f) for f in frames[:3])
    if not hmac.compare_digest(signature, sign(key, header, content)):
        raise BadSignature("the signature does not match")


def read_header(frames: Sequence[Data]) -> Header:
    """The header of frames whose signature was checked. Raises `ProtocolError`."""
    try:
        return msgspec.json.decode(bytes(frames[1]), type=Header)
    except _UNREADABLE as error:
        raise ProtocolError(f"header: {error}") from error


def unpack(key: str, frames: Sequence[Data]) -> Message:
    """Check the signature, decode, check version and buffers. Raises `BadSignature`, `ProtocolError`."""
    check_signature(key, frames)
    return decode(frames)


def decode(frames: Sequence[Data]) -> Message:
    """Decode frames whose signature was checked; check version and buffers. Raises `ProtocolError`."""
    header = read_header(frames)
    if header.version != PROTOCOL_VERSION:
        raise ProtocolError(
            f"got protocol version {header.version}, this side speaks {PROTOCOL_VERSION}. Update the older one.",
            code="unsupported_version",
        )
    try:
        content = msgspec.json.decode(bytes(frames[2]), type=dict[str, Any])
        entries = msgspec.convert(content.pop("buffers", []), list[BufferEntry])
    except _UNREADABLE as error:
        raise ProtocolError(f"content: {error}") from error
    buffers = list(frames[3:])
    _check_buffers(entries, buffers)
    return Message(header, content, buffers, [entry.sha256 for entry in entries])


def _check_buffers(entries: list[BufferEntry], buffers: Sequence[Data]) -> None:
    if len(entries) != len(buffers):
        raise ProtocolError(
            f"got {len(buffers)} buffers, content lists {len(entries)}", code="buffer_mismatch", field="$.buffers"
        )
    for index, (entry, buffer) in enumerate(zip(entries, buffers, strict=True)):
        size = memoryview(buffer).nbytes
        if size != entry.size or hashlib.sha256(buffer).hexdigest() != entry.sha256:
            raise ProtocolError(
                f"buffer {index} ({size} bytes) is not the one that content lists ({entry.size} bytes)",
                code="buffer_mismatch",
                field=f"$.buffers[{index}]",
            )

"""Bodies of calls, counted while they are read, and what headers say about a call. Knows no endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.requests import ClientDisconnect, Request

from bridge.gateway.hosting import TooLarge

__all__ = ["ClientDisconnect", "announced_size", "base_of", "chunks_of", "keep_seconds_of", "read_body"]


def announced_size(request: Request) -> int | None:
    """What Content-Length says; None where it says nothing."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge, before anything is read where the size is announced."""
    if (announced_size(request) or 0) > limit:
        raise _too_large(announced_size(request) or 0, limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise _too_large(len(data), limit)
    return bytes(data)


async def chunks_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ClientDisconnect where it is cut short."""
    async for chunk in request.stream():
        if chunk:
            yield chunk


def base_of(request: Request) -> str:
    """The address by which the caller reached the gateway."""
    return f"{request.scope['scheme']}://{request.headers['host']}"


def keep_seconds_of(request: Request, header: str) -> float:
    """How long a file is to be kept, as the header says; 0 where it says nothing."""
    try:
        lifecycle = msgspec.json.decode(request.headers.get(header, "{}"))
        seconds = float(lifecycle.get("expiration_duration_seconds") or 0)
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError, RecursionError):
        return 0.0
    return seconds if 0 < seconds < 1e10 else 0.0


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge(limit, f"The body: got {size} bytes or more, expected at most {limit}. Upload the audio instead.")

"""How long the gateway waits for a caller that does not go on, and how many lines it holds. Knows no endpoint.

Anyone on this machine can open lines and send a request letter by letter, without a key: each line costs a file handle,
and on Windows five hundred are all there are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.system.open_files import Rarely

HEAD_SECONDS = 20.0  # from the first byte of a request to the end of its headers
BODY_SECONDS = 60.0  # without a byte of a body that was announced
MOST_LINES = 400
_HEAD_ALONE_SECONDS = 0.005
_WORDS = b'{"detail":"Too many connections. Close some, or ask again in a moment.","error_type":"internal_error"}'
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_WORDS), _WORDS)
)
_full = Rarely(logging.getLogger("bridge.gateway"))


class PatientProtocol(H11Protocol):
    """uvicorn's, with these limits. An answer under way has none: streams last as long as their job."""

    head_seconds, body_seconds, most_lines = HEAD_SECONDS, BODY_SECONDS, MOST_LINES
    _timer: asyncio.TimerHandle | None = None
    _for: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(TogetherTransport(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self.most_lines:
            _full.warn(f"{len(self.connections)} connections: those that come now are turned away")
            transport.write(_TOO_MANY)  # before any request: whoever sends one then reads why
            transport.close()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Wait for the end of the head from its first byte on; for a body from its last byte on."""
        state = self.conn.their_state
        if state is h11.IDLE and self._for is h11.IDLE:
            return
        self._stop()
        if state in (h11.IDLE, h11.SEND_BODY):
            self._for = state
            seconds = self.head_seconds if state is h11.IDLE else self.body_seconds
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._for = None

    def _too_slow(self) -> None:
        waits_for = self._for
        self._stop()
        if self.conn.their_state is not waits_for or (self.timeout_keep_alive_task and waits_for is h11.IDLE):
            return
        if waits_for is h11.SEND_BODY and self.flow.read_paused:
            self._watch()  # it is not the caller who is slow
        else:
            self.transport.abort()


class TogetherTransport:
    """A transport that keeps the head of an answer until its body comes: uvicorn writes each by itself, and a call of
    the system costs a quarter of what a poll does. A head whose body takes longer goes alone.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """A head soon, anything else at once."""
        if not self._head and data.startswith(b"HTTP/"):
            self._head = data
            self._timer = self._loop.call_later(_HEAD_ALONE_SECONDS, self.flush)
        else:
            self._send(data)

    def flush(self) -> None:
        """Write a head that waits."""
        if self._head:
            self._send(b"")

    def close(self) -> None:
        """Write what waits, and close."""
        self.flush()
        self._transport.close()

    def _send(self, data: bytes) -> None:
        if self._timer is not None:
            self._timer.cancel()
        head, self._head, self._timer = self._head, b"", None
        self._transport.write(head + data)

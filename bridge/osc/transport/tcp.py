"""OSC by TCP, and HTTP on the same port. Knows packets, framings and who may speak; knows no address space.

Both framings: a 4-byte size before each packet (OSC 1.0) and SLIP (OSC 1.1), told apart by the first byte; and HTTP,
whose "GET " would be a size of more than a gigabyte (OSCQuery wants it on the same port).
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from bridge.osc.transport.listening import is_allowed, peer_of
from bridge.osc.transport.packets import encode, hand_on
from bridge.osc.transport.surface import Peer, SurfaceCallbacks

MAX_PACKET = 1 << 20
MAX_UNREAD = 4 << 20  # bytes on their way to a peer
MAX_STREAM = 64 << 10
SLIP_END, SLIP_ESC = 0xC0, 0xDB
SLIP_ESCAPED = {0xDC: SLIP_END, 0xDD: SLIP_ESC}
FIRST_BYTE_SECONDS = 30.0  # a peer that says nothing at all does not stay
MOST_STREAMS = 64
IDLE_SECONDS, PROBE_SECONDS, PROBES = 60, 10, 3  # then a peer that has gone without a word is noticed
HTTP_GET, HTTP_SECONDS = b"GET ", 5.0

UPGRADE = re.compile(rb"\r\nupgrade:\s*websocket", re.IGNORECASE)

OnWebSocket = Callable[[Peer, bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OnHttp = Callable[[bytes], tuple[int, bytes]]  # the head of a request: status and JSON


class TcpSurface:
    """A bound socket and the streams that peers opened."""

    has_words = True
    permanent: tuple[Peer, ...] = ()

    def __init__(self, bound: socket.socket, allowed: frozenset[str] = frozenset()) -> None:
        self._socket, self._allowed = bound, allowed
        self._callbacks: SurfaceCallbacks | None = None
        self._server: asyncio.Server | None = None
        self._streams: dict[Peer, tuple[asyncio.StreamWriter, bool]] = {}
        self._mute: dict[Peer, asyncio.StreamWriter] = {}  # that have not sent a whole packet yet, the oldest first
        self._open = 0
        self.on_http: OnHttp = lambda head: (404, b"{}")
        self.on_websocket: OnWebSocket = _refuse

    async def open(self, callbacks: SurfaceCallbacks) -> None:
        """Begin to hear."""
        self._callbacks = callbacks
        self._server = await asyncio.start_server(self._serve_stream, sock=self._socket, limit=MAX_STREAM)

    async def run(self) -> None:
        """The loop calls us when something came."""
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Stop listening, close every stream."""
        if self._server is not None:
            self._server.close()
        self._socket.close()
        for writer, _ in list(self._streams.values()):
            writer.close()
        await asyncio.sleep(0)

    def serves(self, peer: Peer) -> bool:
        """Whether the peer has a stream open."""
        return peer in self._streams

    def show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        """Over the stream that the peer opened."""
        writer, slip = self._streams[peer]
        if writer.transport.get_write_buffer_size() > MAX_UNREAD:
            writer.close()  # it does not read: it would fill our memory
            return
        packet = encode(path, *arguments)
        writer.write(to_slip(packet) if slip else len(packet).to_bytes(4, "big") + packet)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Peer = peer_of(writer.get_extra_info("peername"))
        callbacks = self._callbacks
        if callbacks is None or not is_allowed(peer[0], self._allowed) or not self._has_room():
            writer.close()
            return
        _keep_alive(writer.get_extra_info("socket"))
        self._open += 1
        self._mute[peer] = writer
        try:
            async with asyncio.timeout(FIRST_BYTE_SECONDS):
                first = await reader.readexactly(1)
            slip = first[0] == SLIP_END
            self._streams[peer] = (writer, slip)
            if slip:
                await self._read_slip(peer, reader, callbacks)
            else:
                await self._read_sized(peer, reader, first, callbacks)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass  # the peer went away: nothing is owed to it
        finally:
            self._open -= 1
            self._mute.pop(peer, None)
            self._streams.pop(peer, None)
            callbacks.on_gone(peer)
            writer.close()

    def _has_room(self) -> bool:
        """Whether one more stream may be; the oldest that has said nothing whole goes for it."""
        if self._open < MOST_STREAMS:
            return True
        peer = next(iter(self._mute), None)
        if peer is not None:
            self._mute.pop(peer).transport.abort()
        return peer is not None

    def _hand_on(self, peer: Peer, packet: bytes, callbacks: SurfaceCallbacks) -> None:
        self._mute.pop(peer, None)
        hand_on(peer, packet, callbacks)

    async def _read_sized(
        self, peer: Peer, reader: asyncio.StreamReader, first: bytes, callbacks: SurfaceCallbacks
    ) -> None:
        head = first + await reader.readexactly(3)
        if head == HTTP_GET:
            await self._answer_http(peer, reader, self._streams.pop(peer)[0])
            return
        while 0 < (size := int.from_bytes(head, "big")) <= MAX_PACKET:
            self._hand_on(peer, await reader.readexactly(size), callbacks)
            head = await reader.readexactly(4)
        callbacks.on_broken(peer, f"a packet of {size} bytes, at most {MAX_PACKET} are taken")

    async def _answer_http(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HTTP_SECONDS):
                head = HTTP_GET + await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.LimitOverrunError):
            return
        if UPGRADE.search(head):
            await self.on_websocket(peer, head, reader, writer)
            return
        status, body = self.on_http(head)
        kind = "Content-Type: application/json; charset=utf-8\r\n" if body else ""
        words = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{kind}Content-Length: {len(body)}\r\nConnection: close"
        )
        writer.write(f"{words}\r\n\r\n".encode() + body)
        await writer.drain()

    async def _read_slip(self, peer: Peer, reader: asyncio.StreamReader, callbacks: SurfaceCallbacks) -> None:
        packet = bytearray()
        while len(packet) <= MAX_PACKET:
            byte = (await reader.readexactly(1))[0]
            if byte == SLIP_END:
                if packet:
                    self._hand_on(peer, bytes(packet), callbacks)
                packet.clear()
            elif byte == SLIP_ESC:
                escaped = (await reader.readexactly(1))[0]
                packet.append(SLIP_ESCAPED.get(escaped, escaped))
            else:
                packet.append(byte)
        callbacks.on_broken(peer, f"a packet of more than {MAX_PACKET} bytes")


async def _refuse(peer: Peer, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Nobody here speaks WebSocket."""


def _keep_alive(stream: socket.socket) -> None:
    """Let the system ask whether a silent peer is still there: surfaces may be silent for hours."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", IDLE_SECONDS), ("TCP_KEEPINTVL", PROBE_SECONDS), ("TCP_KEEPCNT", PROBES)):
        option = getattr(socket, name, None)
        if option is not None:
            stream.setsockopt(socket.IPPROTO_TCP, option, value)


def to_slip(packet: bytes) -> bytes:
    """A packet between two END bytes, END and ESC inside it escaped (RFC 1055)."""
    escaped = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + escaped + b"\xc0"

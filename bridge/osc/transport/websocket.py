"""OSCQuery over WebSocket, on the port that OSC has: LISTEN and IGNORE as JSON, values and messages as binary OSC.

After the OSCQuery proposal. The protocol itself is that of the library websockets, which takes bytes and gives bytes. A
page in a browser may come from anywhere: it is heard only where its origin is this machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bridge.osc.address_space.addresses import ROOT, Kind, address_table
from bridge.osc.transport.oscquery import names_us
from bridge.osc.transport.packets import encode, hand_on
from bridge.osc.transport.surface import Peer, SurfaceCallbacks

MAX_MESSAGE = 1 << 20
MAX_UNREAD = 4 << 20  # bytes on their way to a peer
READ_AT_ONCE = 64 << 10
ALWAYS = frozenset({f"{ROOT}/ack", f"{ROOT}/error"})  # answers, whatever is listened to
EXPECTED = '{"COMMAND": "LISTEN" or "IGNORE", "DATA": an address with a value}'


class Connection:
    """One peer: what it listens to, and the protocol with it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.protocol = ServerProtocol(max_size=MAX_MESSAGE)
        self.writer = writer
        self.listening: set[str] = set()
        self._parts: list[Frame] = []

    def flush(self) -> None:
        """Bytes of the protocol go out; an empty one is its end."""
        for data in self.protocol.data_to_send():
            if data:
                self.writer.write(data)
            elif self.writer.can_write_eof():
                self.writer.write_eof()

    def whole(self, frame: Frame) -> tuple[bool, bytes] | None:
        """Whether it is text, and the message that ends with this frame; None where it goes on, or is no message."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return None
        self._parts.append(frame)
        if not frame.fin:
            return None
        parts, self._parts = self._parts, []
        return parts[0].opcode is Opcode.TEXT, b"".join(bytes(part.data) for part in parts)


class WebSocketSurface:
    """`serve` a stream that asked for it. Every peer is shown what it listens to."""

    has_words = True
    permanent: tuple[Peer, ...] = ()

    def __init__(self) -> None:
        self._callbacks: SurfaceCallbacks | None = None
        self._connections: dict[Peer, Connection] = {}
        self._table = address_table()

    async def open(self, callbacks: SurfaceCallbacks) -> None:
        """Streams come from the surface that speaks TCP."""
        self._callbacks = callbacks

    async def run(self) -> None:
        """Each stream is served where it was opened."""
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Say goodbye to every peer."""
        for connection in list(self._connections.values()):
            connection.protocol.send_close(1001)
            connection.flush()
            connection.writer.close()

    def serves(self, peer: Peer) -> bool:
        """Whether the peer has a stream open."""
        return peer in self._connections

    def show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        """A value, to those that listen to it."""
        connection = self._connections[peer]
        if path not in connection.listening | ALWAYS:
            return
        if connection.writer.transport.get_write_buffer_size() > MAX_UNREAD:
            connection.writer.close()  # it does not read: it would fill our memory
            return
        connection.protocol.send_binary(encode(path, *arguments))
        connection.flush()

    async def serve(self, peer: Peer, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the request's head until one side goes. Raises OSError."""
        connection, callbacks = Connection(writer), self._callbacks
        if callbacks is None or not self._shake_hands(connection, head):
            return
        self._connections[peer] = connection
        callbacks.on_listening(peer)
        try:
            while data := await reader.read(READ_AT_ONCE):
                self._take(peer, connection, data, callbacks)
                await writer.drain()
                if connection.protocol.close_expected():
                    break
        finally:
            self._connections.pop(peer, None)

    def _shake_hands(self, connection: Connection, head: bytes) -> bool:
        protocol = connection.protocol
        protocol.receive_data(head)
        requests = [event for event in protocol.events_received() if isinstance(event, Request)]
        if not requests:
            response = protocol.reject(400, "not a request for WebSocket")
        elif not (names_us(head.decode("latin-1").split("\r\n")[1:]) and _from_here(requests[0].headers.get("Origin"))):
            response = protocol.reject(403, "ask by the machine's address, and not from another site's page")
        else:
            response = protocol.accept(requests[0])
        protocol.send_response(response)
        connection.flush()
        return response.status_code == 101

    def _take(self, peer: Peer, connection: Connection, data: bytes, callbacks: SurfaceCallbacks) -> None:
        connection.protocol.receive_data(data)
        for event in connection.protocol.events_received():
            message = connection.whole(event) if isinstance(event, Frame) else None
            if message is not None and message[0]:
                self._command(peer, connection, message[1], callbacks)
            elif message is not None:
                hand_on(peer, message[1], callbacks)
        connection.flush()

    def _command(self, peer: Peer, connection: Connection, text: bytes, callbacks: SurfaceCallbacks) -> None:
        """LISTEN and IGNORE; the value of now comes at once. Anything else is answered on the error's address."""
        try:
            wish = json.loads(text)
            command, path = wish["COMMAND"], wish["DATA"]
            known = self._table.get(path)
        except (ValueError, TypeError, KeyError, RecursionError):
            command, path, known = "", "", None
        if known is None or known.kind not in (Kind.CONTROL, Kind.FEEDBACK) or command not in ("LISTEN", "IGNORE"):
            shown = text[:80].decode("utf-8", "replace")
            self.show(peer, f"{ROOT}/error", (str(path)[:80], shown, EXPECTED))
        elif command == "IGNORE":
            connection.listening.discard(path)
        else:
            connection.listening.add(path)
            value = callbacks.present(path)
            if value:
                self.show(peer, path, value)


def _from_here(origin: str | None) -> bool:
    """Whether a page of this origin may speak: one that this machine serves. Other programs have no origin."""
    if origin is None:
        return True
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

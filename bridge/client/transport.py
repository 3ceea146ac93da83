"""One connection to a daemon: requests matched with replies, reconnected when the daemon was started again.

Knows frames and endpoints, not what operations mean. Every request may be sent again: those that change something
carry a request_id.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from bridge.protocol import lock
from bridge.protocol.errors import DaemonLost, DaemonNotRunning, ErrorContent, ProtocolError, failure
from bridge.protocol.frames import MAX_MESSAGE_BYTES, Message, new_header, pack, unpack
from bridge.protocol.home import Connection, Endpoints, connection_path, read_connection
from bridge.protocol.keys import KeyPair

_LOOK_SECONDS = 0.25
_BEAT_MS, _SILENT_MS, _CONNECT_MS = 5_000, 20_000, 4_000  # of a line to another machine: a cut cable tells nobody


@dataclass(frozen=True)
class Timeouts:
    """Seconds: until a first answer, until a reply, and how long a lost daemon may take to come back."""

    connect: float = 5.0
    reply: float = 60.0
    reconnect: float = 10.0


@dataclass(frozen=True)
class Target:
    """Which daemon: the folder of one on this machine, or a link file with this client's CURVE pair."""

    home: Path
    link: Path | None = None
    pair: KeyPair | None = None

    def read(self) -> Connection:
        """The connection as it is now. Raises DaemonNotRunning, ProtocolError.

        What a daemon that is gone has left is not looked at: 0 bytes after a power loss, a file of another version.
        """
        if self.file.exists() and not self.may_answer():  # a look at the lock must not meet a daemon that takes it
            raise DaemonNotRunning(f"nobody holds {self.home / 'daemon.lock'}")
        return read_connection(self.file)

    @property
    def file(self) -> Path:
        """The file that says where the daemon listens."""
        return self.link or connection_path(self.home)

    def may_answer(self) -> bool:
        """False if it is known that nobody runs."""
        return self.link is not None or lock.is_held(self.home / "daemon.lock")


class Transport:
    """A DEALER and the replies it waits for. Use it on one event loop."""

    def __init__(self, target: Target, timeouts: Timeouts) -> None:
        self.target = target
        self.timeouts = timeouts
        self._context = zmq.asyncio.Context()
        self._socket: zmq.asyncio.Socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._lines = 0  # to another machine that there have been: what was on its way is lost with each
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self.connection = Connection(endpoints=Endpoints("", ""), key="")

    def open(self) -> None:
        """Read the connection file and connect. Raises DaemonNotRunning, ProtocolError."""
        connection = self.target.read()
        self._close_socket()
        self.connection = connection
        self._socket = self._connect(zmq.DEALER, connection.endpoints.commands)
        self._reader = asyncio.get_running_loop().create_task(self._read(self._socket, connection.key))
        if connection.server_public:
            lines = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            self._watcher = asyncio.get_running_loop().create_task(self._count_lines(lines))

    def subscribe(self, topic: str) -> zmq.asyncio.Socket:
        """A SUB socket for a topic's prefix; the caller closes it."""
        socket = self._connect(zmq.SUB, self.connection.endpoints.events)
        socket.setsockopt(zmq.SUBSCRIBE, topic.encode("utf-8"))
        return socket

    async def request(
        self, op: str, content: Any, buffers: Sequence[bytes | memoryview] = (), seconds: float | None = None
    ) -> Message:
        """The reply to a request. Raises RequestFailed, DaemonLost, ProtocolError. `seconds` bounds the wait."""
        limit = time.monotonic() + (self.timeouts.reply if seconds is None else seconds)
        while True:
            sent_on, line = self.connection, self._lines
            reply = await self._exchange(op, content, buffers, limit)
            if reply is not None:
                break
            if self._lines == line:
                await self._come_back(sent_on)
        if reply.header.op == "error":
            raise failure(msgspec.convert(reply.content, ErrorContent))
        return reply

    async def close(self) -> None:
        """Close the sockets. Requests still waiting end with DaemonLost."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        self._close_socket()
        self._context.destroy(linger=200)

    async def _exchange(
        self, op: str, content: Any, buffers: Sequence[bytes | memoryview], limit: float
    ) -> Message | None:
        """One try: the reply, or None if the daemon was replaced or is gone."""
        assert self._socket is not None
        header = new_header(op)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[header.id] = future
        sent_on, line = self.connection, self._lines
        try:
            await self._socket.send_multipart(pack(sent_on.key, header, content, buffers), copy=False)
            return await self._reply(future, op, limit, sent_on, line)
        finally:
            self._waiting.pop(header.id, None)

    async def _reply(
        self, future: asyncio.Future[Message], op: str, limit: float, sent_on: Connection, line: int
    ) -> Message | None:
        while True:
            done, _ = await asyncio.wait([future], timeout=_LOOK_SECONDS)
            if done:
                return future.result()
            if self.connection is not sent_on or self._was_replaced():  # another request may have reconnected
                return None
            if self._lines != line > 0:
                return None
            if time.monotonic() > limit:
                raise DaemonLost(f"{op}: no reply from {self.connection.endpoints.commands} in time.")

    def _was_replaced(self) -> bool:
        try:
            current = self.target.read()
        except (DaemonNotRunning, ProtocolError):
            return True
        return current != self.connection

    async def _come_back(self, lost: Connection) -> None:
        limit = time.monotonic() + self.timeouts.reconnect
        while self.connection is lost:
            try:
                self.open()
                return
            except (DaemonNotRunning, ProtocolError) as error:
                if time.monotonic() > limit:
                    raise DaemonLost(f"The daemon is gone: {error}") from error
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read(self, socket: zmq.asyncio.Socket, key: str) -> None:
        while True:
            frames = await socket.recv_multipart(copy=False)
            try:
                message = unpack(key, [frame.buffer for frame in frames])
            except ProtocolError:
                continue
            future = self._waiting.get(message.header.parent_id)
            if future is not None and not future.done():
                future.set_result(message)

    async def _count_lines(self, events: zmq.asyncio.Socket) -> None:
        """libzmq connects again by itself, but what was under way has no answer any more."""
        with contextlib.closing(events):
            while True:
                await events.recv_multipart()
                self._lines += 1

    def _connect(self, kind: int, endpoint: str) -> zmq.asyncio.Socket:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 200)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        if self.connection.server_public:
            pair = self.target.pair
            if pair is None:
                raise ProtocolError("A link file needs this machine's CURVE pair: `acestep-bridge keys new` makes it.")
            socket.curve_serverkey = self.connection.server_public.encode("ascii")
            socket.curve_publickey = pair.public.encode("ascii")
            socket.curve_secretkey = pair.secret.encode("ascii")
            socket.setsockopt(zmq.HEARTBEAT_IVL, _BEAT_MS)
            socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _SILENT_MS)
            socket.setsockopt(zmq.CONNECT_TIMEOUT, _CONNECT_MS)
        try:
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            socket.close()
            raise ProtocolError(f"{self.target.file}: {endpoint!r} is no address ({error}).") from error
        return socket

    def _close_socket(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
            if self._socket is not None:
                self._socket.disable_monitor()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

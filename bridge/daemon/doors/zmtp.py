"""One connection of a ZMTP 3.0 server with the NULL mechanism (RFC 23), for sockets that anybody on this machine can
reach: nothing is read that was not asked for, so that a peer's bytes wait in the system's buffers, not in ours.

libzmq speaks this to trusted peers: it reads whatever comes. Knows frames; no signature and no operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from bridge.protocol.frames import Data

SIGNATURE: Final = b"\xff" + bytes(8) + b"\x7f"
GREETING: Final = SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE, LONG, COMMAND = 1, 2, 4
MOST_COMMAND_BYTES = 4096
_PIECE_BYTES = 1 << 18
_WRITE_SECONDS = 60.0  # that a peer may take for one piece
_PING = b"\x04PING" + bytes(2)


class Broken(Exception):
    """The peer said what it may not: it is let go without a word."""


class Connection:
    """A peer that has connected. `greet` first; then `head` and `body` alternate, `send` and `post` at any time.

    `is_known` says that it has shown the key; `asked_at` is when it was asked for a sign of life, None if it gave one.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._writing = asyncio.Lock()
        self._pong = b""  # owed, while a message is being sent
        self.is_known = False
        self.is_greeted = False
        self.asked_at: float | None = None

    async def greet(self, kind: bytes) -> None:
        """Exchange greetings and READY as a socket of `kind`. Raises Broken for any other protocol."""
        self._writer.write(GREETING)
        start = await self._reader.readexactly(11)
        if start[0] != 0xFF or start[9] != 0x7F or start[10] < 3:
            raise Broken("no ZMTP 3")
        rest = await self._reader.readexactly(64 - len(start))
        if rest[1:21].rstrip(b"\0") != b"NULL":
            raise Broken("another mechanism than NULL")
        self._writer.write(command(b"READY", property_bytes(b"Socket-Type", kind) + property_bytes(b"Identity", b"")))
        flags, size = await self._flags_and_size()
        body = await self._command(size) if flags & COMMAND else b""
        if not body.startswith(b"\x05READY"):
            raise Broken("no READY")
        self.is_greeted = True

    async def head(self) -> tuple[int, bool]:
        """The next frame's bytes, and whether another one follows. Heartbeats in between are answered."""
        while True:
            flags, size = await self._flags_and_size()
            if not flags & COMMAND:
                return size, bool(flags & MORE)
            self._obey(await self._command(size))
            await asyncio.sleep(0)  # a flood of them holds nobody up

    async def body(self, size: int) -> bytes | bytearray:
        """The frame that `head` announced."""
        if size <= _PIECE_BYTES:
            return await self._exactly(size)
        data = bytearray()  # grows as it comes: what is only announced takes no room
        try:
            while len(data) < size:
                data += await self._exactly(min(_PIECE_BYTES, size - len(data)))
        except BaseException:
            data.clear()  # asyncio keeps the error, and that this frame, until the next look for cycles
            raise
        return data

    async def send(self, frames: Sequence[Data]) -> None:
        """Send a message as fast as the peer takes it. Raises ConnectionError."""
        async with self._writing:
            for piece in _pieces(frames):
                if self._writer.is_closing():
                    raise ConnectionResetError("the peer has gone")
                self._writer.write(piece)
                if not self._writer.transport.get_write_buffer_size():
                    continue  # the system has taken all of it
                try:
                    async with asyncio.timeout(_WRITE_SECONDS):
                        await self._writer.drain()
                except TimeoutError as error:
                    self.drop()
                    raise ConnectionResetError("the peer does not read") from error
        self._answer_ping()

    def post(self, data: bytes, most_waiting: int) -> bool:
        """Send bytes at once, unless that many already wait for the peer to read. Not to be mixed with `send`."""
        if self._writer.is_closing() or self._writer.transport.get_write_buffer_size() > most_waiting:
            return False
        self._writer.write(data)
        return True

    async def drained(self) -> None:
        """Until the peer has read most of what it was sent."""
        await self._writer.drain()

    def ping(self, now: float) -> None:
        """Ask for a sign of life, unless a message is being sent."""
        if not self._writing.locked() and not self._writer.is_closing():
            self._writer.write(frame(COMMAND, _PING))
            self.asked_at = self.asked_at or now

    async def close(self) -> None:
        """Send what waits, then close."""
        self._writer.close()
        try:
            async with asyncio.timeout(0.3):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self.drop()

    def drop(self) -> None:
        """Close at once."""
        self._writer.transport.abort()
        waiting = getattr(self._reader, "_buffer", None)  # up to 0.4 MB, else kept until the next look for cycles
        if isinstance(waiting, bytearray):
            waiting.clear()

    async def _flags_and_size(self) -> tuple[int, int]:
        flags, size = await self._exactly(2)
        if flags > (MORE | LONG | COMMAND) or flags & (MORE | COMMAND) == MORE | COMMAND:
            raise Broken("flags")
        if flags & LONG:
            size = int.from_bytes(bytes([size]) + await self._exactly(7), "big")
        return flags, size

    async def _exactly(self, size: int) -> bytes:
        data = await self._reader.readexactly(size)
        self.asked_at = None
        return data

    async def _command(self, size: int) -> bytes:
        if size > MOST_COMMAND_BYTES:
            raise Broken("a long command")
        return await self._exactly(size)

    def _obey(self, body: bytes) -> None:
        if body.startswith(b"\x04PING"):
            self._pong = frame(COMMAND, b"\x04PONG" + body[7:23])
            if not self._writing.locked() and not self._answer_ping():
                raise Broken("it asks and does not read")

    def _answer_ping(self) -> bool:
        pong, self._pong = self._pong, b""
        return not pong or self.post(pong, _PIECE_BYTES)


def frame(flags: int, body: Data) -> bytes:
    """One frame: flags, length in 1 byte or (LONG) 8, body."""
    return _frame_head(flags, len(body)) + bytes(body)


def encode_message(frames: Sequence[Data]) -> bytes:
    """A message as it travels."""
    last = len(frames) - 1
    return b"".join(frame(MORE if index < last else 0, body) for index, body in enumerate(frames))


def command(name: bytes, body: bytes) -> bytes:
    """A command frame such as READY."""
    return frame(COMMAND, bytes([len(name)]) + name + body)


def property_bytes(name: bytes, value: bytes) -> bytes:
    """A property of READY."""
    return bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value


def _frame_head(flags: int, size: int) -> bytes:
    return bytes([flags, size]) if size < 256 else bytes([flags | LONG]) + size.to_bytes(8, "big")


def _pieces(frames: Sequence[Data]) -> Iterator[Data]:
    """What is written: the small frames together, large ones in pieces."""
    small, last = bytearray(), len(frames) - 1
    for index, body in enumerate(frames):
        view = memoryview(body).cast("B")
        small += _frame_head(MORE if index < last else 0, view.nbytes)
        if view.nbytes <= _PIECE_BYTES:
            small += view
            continue
        yield bytes(small)
        small.clear()
        for at in range(0, view.nbytes, _PIECE_BYTES):
            yield view[at : at + _PIECE_BYTES]
    if small:
        yield bytes(small)

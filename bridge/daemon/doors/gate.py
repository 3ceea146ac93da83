"""Reads signed messages from connections that anybody may open: limits first, then the signature, then the rest.

Buffers are not read before the signature was checked. Large messages take one of a few places until they are answered:
a single one for all peers that have not shown the key yet. Knows frames; no operation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from bridge.daemon.doors.zmtp import Broken, Connection
from bridge.protocol.errors import BadSignature
from bridge.protocol.frames import MAX_FRAMES, MAX_MESSAGE_BYTES, Data, check_signature

SMALL_BYTES = 1 << 20  # of a message that takes no place
SMALL_OF_STRANGERS = 1 << 16
MOST_BEFORE_BUFFERS = 1 << 28  # signature, header and content together
LARGE_AT_ONCE = 4
STRANGER_SECONDS = 10.0  # that one may keep the place of all strangers


@dataclass
class Incoming:
    """A message whose signature was checked; `done` gives back the place that it takes."""

    frames: list[Data]
    done: Callable[[], None]


class Gate:
    """The limits of one port. `key` is what everybody signs with there."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._places = asyncio.Semaphore(LARGE_AT_ONCE)
        self._place_of_strangers = asyncio.Semaphore(1)

    async def read(self, connection: Connection) -> Incoming | None:
        """The next message; None: it was not signed. Raises Broken, IncompleteReadError."""
        frames: list[Data] = []
        with contextlib.ExitStack() as places:
            places.callback(frames.clear)
            if not await self._fill(frames, connection, places):
                return None
            incoming = Incoming(list(frames), places.pop_all().close)
        if not connection.is_known:
            connection.is_known = True
            incoming.done()
            incoming.done = _nothing
        return incoming

    async def _fill(self, frames: list[Data], connection: Connection, places: contextlib.ExitStack) -> bool:
        """Read a message into `frames`; whether it is signed."""
        total, is_large, more = 0, False, True
        while more:
            size, more = await connection.head()
            total += size
            if len(frames) >= MAX_FRAMES or total > (MOST_BEFORE_BUFFERS if len(frames) < 3 else MAX_MESSAGE_BYTES):
                raise Broken("a message that is too large")
            if not is_large and total > (SMALL_BYTES if connection.is_known else SMALL_OF_STRANGERS):
                is_large = True
                await self._take_place(connection, places)
            frames.append(await self._body(connection, size))
            if len(frames) == 3 and not await self._is_signed(frames):
                if more:
                    raise Broken("an unsigned message with buffers")
                return False
        return len(frames) >= 3

    async def _take_place(self, connection: Connection, places: contextlib.ExitStack) -> None:
        taken = self._places if connection.is_known else self._place_of_strangers
        await taken.acquire()
        places.callback(taken.release)

    async def _body(self, connection: Connection, size: int) -> Data:
        if connection.is_known:
            return await connection.body(size)
        try:
            async with asyncio.timeout(STRANGER_SECONDS):
                return await connection.body(size)
        except TimeoutError as error:
            raise Broken("a stranger that is slow") from error

    async def _is_signed(self, frames: list[Data]) -> bool:
        large = sum(map(len, frames)) > SMALL_BYTES
        try:
            await asyncio.to_thread(check_signature, self._key, frames) if large else check_signature(self._key, frames)
        except BadSignature:
            return False
        return True


def _nothing() -> None:
    """There is no place to give back."""

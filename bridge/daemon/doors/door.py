"""The daemon's way in on this machine: commands and events on loopback, under limits that hold for anybody's bytes.

Knows signatures and who speaks; knows no operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.daemon.doors.gate import Gate
from bridge.daemon.doors.listener import Listener
from bridge.daemon.doors.zmtp import Broken, Connection, encode_message
from bridge.protocol.frames import Data
from bridge.protocol.home import Endpoints

MOST_AT_WORK = 1000  # requests of one connection that wait for their answer; it is not read meanwhile
MOST_UNSIGNED = 100  # messages of one connection before it is let go
MOST_TOPICS = 1000  # of one subscriber
MOST_TOPIC_BYTES = 256
_MOST_EVENTS_WAITING = 1 << 20  # bytes that a subscriber has not read yet; it misses what comes then


@dataclass(frozen=True)
class Speaker:
    """Who sent a message: a client's name ("" on loopback), the key it signs with, the mark of its jobs' ids, and what
    it may do besides rendering.
    """

    name: str
    key: str
    mark: str = ""
    rights: frozenset[str] = frozenset()


class Line(Protocol):
    """A speaker, and the way back."""

    @property
    def speaker(self) -> Speaker:
        """Who it is."""

    async def send(self, frames: Sequence[Data]) -> None:
        """Answer. Raises ConnectionError if the peer has gone."""


@dataclass(frozen=True)
class Hearing:
    """What a door tells: a checked message (with what to call when it is answered), one that was not signed, and one
    that has no place any more."""

    heard: Callable[[Line, Sequence[Data], Callable[[], None]], None]
    refused: Callable[[], None]
    too_many: Callable[[Line, Sequence[Data]], None]


class Door(Protocol):
    """A way in. `events_key` signs what is published there."""

    events_key: str

    @property
    def is_heard(self) -> bool:
        """Whether anybody may be listening to events."""

    async def open(self) -> Endpoints:
        """Begin to listen."""

    async def serve(self) -> None:
        """Work until cancelled."""

    def publish(self, topic: str, frames: Sequence[Data], owner: str) -> None:
        """Send an event to whoever may see what belongs to `owner` ("": to this machine's user)."""

    async def close(self) -> None:
        """Listen no more; what waits is sent."""


class LocalDoor:
    """Loopback: who signs with the key of the connection file is the user; all others can only take up room."""

    def __init__(self, key: str, hearing: Hearing) -> None:
        self.events_key = key
        self._speaker, self._hearing = Speaker("", key), hearing
        self._gate = Gate(key)
        self._commands = Listener(b"ROUTER", self._talk)
        self._events = Listener(b"PUB", self._subscribe, strangers_may_stay=True)
        self._topics: dict[Connection, set[bytes]] = {}

    @property
    def is_heard(self) -> bool:
        """Whether somebody has connected to the events."""
        return bool(self._topics)

    async def open(self) -> Endpoints:
        """Listen on free ports."""
        return Endpoints(await self._commands.open(), await self._events.open())

    async def serve(self) -> None:
        """Let go of who is silent, until cancelled."""
        await asyncio.gather(self._commands.watch(), self._events.watch())

    def publish(self, topic: str, frames: Sequence[Data], owner: str) -> None:
        """To every subscriber of the topic; one that does not read misses it."""
        name = topic.encode("utf-8")
        data = encode_message([name, *frames])
        for connection, topics in self._topics.items():
            if any(name[:length] in topics for length in range(len(name) + 1)):
                connection.post(data, _MOST_EVENTS_WAITING)

    async def close(self) -> None:
        """Listen no more; what waits is sent."""
        await asyncio.gather(self._commands.close(), self._events.close())

    async def _talk(self, connection: Connection) -> None:
        line = _LocalLine(connection, self._speaker)
        at_work, unsigned = asyncio.Semaphore(MOST_AT_WORK), 0
        while unsigned < MOST_UNSIGNED:
            await at_work.acquire()
            incoming = await self._gate.read(connection)
            if incoming is None:
                unsigned += 1
                at_work.release()
                self._hearing.refused()
            else:
                self._hearing.heard(line, incoming.frames, _all_of(incoming.done, at_work.release))
            await connection.drained()
            await asyncio.sleep(0)  # one message of each peer in turn

    async def _subscribe(self, connection: Connection) -> None:
        topics = self._topics[connection] = set()
        try:
            while len(topics) <= MOST_TOPICS:
                size, more = await connection.head()
                if more or not 1 <= size <= 1 + MOST_TOPIC_BYTES:
                    raise Broken("no subscription")
                said = bytes(await connection.body(size))
                connection.is_known = True
                (topics.add if said[0] == 1 else topics.discard)(said[1:])
                await asyncio.sleep(0)
        finally:
            del self._topics[connection]


@dataclass(frozen=True)
class _LocalLine:
    connection: Connection
    speaker: Speaker

    async def send(self, frames: Sequence[Data]) -> None:
        await self.connection.send(frames)


def _all_of(*calls: Callable[[], None]) -> Callable[[], None]:
    def done() -> None:
        for call in calls:
            call()

    return done

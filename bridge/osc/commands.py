"""Commands that take time, one after another, and the serial numbers of those that were taken. Knows no address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from bridge.osc.address_space.values import OscError
from bridge.protocol.errors import BridgeError, DaemonLost, DaemonNotRunning

REMEMBERED_SECONDS = 30.0
MAX_REMEMBERED = 4096
MAX_WAITING = 256
PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 0.25

Job = Callable[[], Awaitable[None]]
Key = tuple[str, str, int]  # host, address, serial number


class Serials:
    """Which commands were taken in the last 30 s: long enough for repeats, short enough for a patch started again."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._taken: dict[Key, float] = {}

    def was_taken(self, key: Key) -> bool:
        """Whether this command is a repeat."""
        return self._clock() - self._taken.get(key, -REMEMBERED_SECONDS * 2) < REMEMBERED_SECONDS

    def take(self, key: Key) -> None:
        """Remember a command."""
        self._taken.pop(key, None)
        self._taken[key] = self._clock()
        while len(self._taken) > MAX_REMEMBERED:
            del self._taken[next(iter(self._taken))]


class Worker:
    """Does jobs in the order they were given; an error of one is told and does not stop the next.

    A command that was acknowledged is not lost with the daemon: it waits for the next one, `PATIENCE_SECONDS` at most.
    """

    def __init__(self, on_error: Callable[[str, BridgeError], None], on_lost: Callable[[BridgeError], None]) -> None:
        self._on_error, self._on_lost = on_error, on_lost
        self._waiting: asyncio.Queue[tuple[str, Job]] = asyncio.Queue(MAX_WAITING)

    def give(self, path: str, job: Job) -> None:
        """Take a job. Raises OscError where too many wait."""
        try:
            self._waiting.put_nowait((path, job))
        except asyncio.QueueFull as error:
            raise OscError(path, "more commands than can wait", "fewer at once, or a daemon that answers") from error

    async def run(self) -> None:
        """Work, for ever."""
        while True:
            path, job = await self._waiting.get()
            try:
                await self._do(job)
            except BridgeError as error:
                self._on_error(path, error)

    async def _do(self, job: Job) -> None:
        """Raises BridgeError."""
        limit = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                await job()
                return
            except (DaemonLost, DaemonNotRunning) as error:
                self._on_lost(error)
                if monotonic() > limit:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)

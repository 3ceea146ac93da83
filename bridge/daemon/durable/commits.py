"""Changes of the store that must be on the disk before they are acknowledged, many in one commit.

Waiting for the disk takes milliseconds, whatever was written: it is waited for in a thread, and changes that come
meanwhile go into the next commit together. Knows the store, no operation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from bridge.daemon.durable.spare_room import SpareRoom
from bridge.daemon.durable.threads import FileThreads
from bridge.jobs import JobStore
from bridge.protocol.errors import StoreUnavailable

T = TypeVar("T")
Then = Callable[[], None]
Waiting = tuple[Callable[[], Any], Then, "asyncio.Future[Any]"]
Done = tuple[Any, Exception | None]  # what a change gave, or raised
_SECONDS = 600.0
_TURNS, _TURNS_ALONE = 20, 4  # of the loop that a commit waits for others: at most, and since the last one came
_GATHER_SECONDS = 0.002  # ... for as many as came last time, who may have been answered a moment ago and ask again


class NotKept(StoreUnavailable):
    """The change was made, but the disk has not said that it keeps it."""


class Commits:
    """All methods are called on one running loop."""

    def __init__(self, store: JobStore, spare: SpareRoom | None = None) -> None:
        self._store, self._spare = store, spare
        self._threads = FileThreads(at_once=1, seconds=_SECONDS)
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._expected, self._all_here = 1, asyncio.Event()  # changes of the last commit; whether as many wait now

    async def write(self, change: Callable[[], T], then: Then = lambda: None) -> T:
        """What `change` gives, once it is kept for good. Raises what it raises, StoreUnavailable, NotKept.

        `then` is called as soon as the change is made, before others can see it.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, then, future))
        if len(self._waiting) >= self._expected:
            self._all_here.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        return await future

    async def write_though_full(self, change: Callable[[], T]) -> T:
        """As `write`, of what ends in more room: on a full disk it has the room that is kept for it."""
        try:
            return await self.write(change)
        except StoreUnavailable as error:
            if error.code != "disk_full" or self._spare is None or not self._spare.give_up():
                raise
        return await self.write(change)

    async def _flush(self) -> None:
        while self._waiting:
            await self._gather()
            waiting, self._waiting = self._waiting, []
            self._expected = len(waiting)
            self._all_here.clear()
            done = self._made(waiting)
            if any(failed is None for _, failed in done):
                done = await self._kept(done)
            for (_, _, future), (result, failed) in zip(waiting, done, strict=True):
                if future.done():  # whoever asked has gone; the change stays
                    continue
                if failed is not None:
                    future.set_exception(failed)
                else:
                    future.set_result(result)
            self._store.journal.move_when_long()

    async def _gather(self) -> None:
        """Let those join whose requests are here already, and take a few turns of the loop to become changes."""
        turns = alone = 0
        while alone < _TURNS_ALONE and turns < _TURNS:
            before = len(self._waiting)
            await asyncio.sleep(0)
            turns, alone = turns + 1, 0 if len(self._waiting) > before else alone + 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GATHER_SECONDS):
                await self._all_here.wait()

    def _made(self, waiting: list[Waiting]) -> list[Done]:
        try:
            with self._store.transaction():
                done = [self._changed(change) for change, _, _ in waiting]
        except Exception as error:
            return [(None, error)] * len(waiting)
        for (_, then, _), (_, failed) in zip(waiting, done, strict=True):
            if failed is None:
                then()
        return done

    async def _kept(self, done: list[Done]) -> list[Done]:
        """Wait for the disk."""
        try:
            await self._threads.run(self._store.journal.sync)
        except Exception as error:
            lost = NotKept("disk_error", f"{error}", getattr(error, "remedy", None) or "")
            return [(None, failed or lost) for _, failed in done]
        return done

    def _changed(self, change: Callable[[], Any]) -> Done:
        try:
            with self._store.transaction():
                return change(), None
        except Exception as error:
            return None, error

"""Changes of the store that must be on the disk before they are acknowledged, many in one commit.

Waiting for the disk takes milliseconds, whatever was written: changes that come while it is waited for go into the next
commit together. Knows the store, no operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from bridge.jobs import JobStore

T = TypeVar("T")
Waiting = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Commits:
    """All methods are called on one running loop."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, change: Callable[[], T]) -> T:
        """What `change` gives, once it is kept for good. Raises what it raises, and StoreUnavailable."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # others that are ready join
            waiting, self._waiting = self._waiting, []
            try:
                with self._store.transaction(durable=True):
                    outcomes = [self._changed(change) for change, _ in waiting]
            except Exception as error:
                outcomes = [(None, error)] * len(waiting)
            for (_, future), (result, failed) in zip(waiting, outcomes, strict=True):
                if future.done():  # whoever asked has gone; the change stays
                    continue
                if failed is not None:
                    future.set_exception(failed)
                else:
                    future.set_result(result)

    def _changed(self, change: Callable[[], Any]) -> tuple[Any, Exception | None]:
        try:
            with self._store.transaction():
                return change(), None
        except Exception as error:
            return None, error

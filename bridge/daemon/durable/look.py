"""The look at a whole file of jobs that is too large to be looked at before the start: beside the work.

It ends with the daemon: whoever closes the file last takes SQLite's log and its index away.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

from bridge.daemon.durable.threads import FileThreads
from bridge.jobs import JobStore
from bridge.protocol.errors import RequestFailed, StoreError, StoreUnavailable

logger = logging.getLogger("bridge.daemon")
_MOST_SECONDS = 3600.0
_END_SECONDS = 2.0  # that the end of the daemon waits for a disk that does not answer


class Look:
    """One look at a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: JobStore | None = None
        self._lock, self._over = threading.Lock(), threading.Event()
        self._unwanted = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Once. A damaged file is not used any longer: `stopping` is set. Nothing of it is left when this ends."""
        try:
            await FileThreads(at_once=1, seconds=_MOST_SECONDS).run(self._check)
        except (StoreUnavailable, RequestFailed) as error:
            logger.warning("the file of jobs was not looked at: %s", error)
        except StoreError as error:
            logger.error("%s", error)
            stopping.set()
        finally:
            self._end()

    def _check(self) -> None:
        try:
            store = JobStore.reading(self._path)
            try:
                self._checked(store)
            finally:
                store.close()
        finally:
            self._over.set()

    def _checked(self, store: JobStore) -> None:
        with self._lock:
            self._store, unwanted = store, self._unwanted
        try:
            if not unwanted:
                store.check()
        finally:
            with self._lock:
                self._store = None

    def _end(self) -> None:
        """Have the thread let go of the file now."""
        with self._lock:
            self._unwanted = True
            if self._store is not None:
                self._store.interrupt()
        if not self._over.wait(_END_SECONDS):
            logger.warning("the disk does not answer: the look at the file of jobs was left")

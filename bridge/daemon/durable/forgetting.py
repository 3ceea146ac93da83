"""Forgetting jobs with the audio that no other needs; by itself where the settings say so. Knows the store, no peer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bridge.daemon.durable.commits import Commits
from bridge.daemon.durable.spare_room import SpareRoom
from bridge.daemon.durable.threads import FileThreads
from bridge.files import AudioStore
from bridge.files.named_audio import named_in
from bridge.jobs import JobStore
from bridge.jobs.retention import Decision, Limits, decide, read_limits
from bridge.protocol.errors import BridgeError

logger = logging.getLogger("bridge.daemon")
LOOK_SECONDS = 3600.0
_THINK_SECONDS = 600.0  # for reading projects, some of which may be far away
_AT_ONCE = 50


class Forgetting:
    """Deletes what it is told to. `being_submitted` counts requests under way by the audio that they name."""

    def __init__(
        self, store: JobStore, audio: AudioStore, commits: Commits, spare: SpareRoom, being_submitted: Counter[str]
    ) -> None:
        self._store, self._audio, self._commits, self._spare = store, audio, commits, spare
        self._being_submitted = being_submitted
        self._threads = FileThreads(at_once=1, seconds=_THINK_SECONDS)
        self._began, self._began_steady = time.time(), time.monotonic()

    async def forget(self, job_ids: Sequence[str]) -> None:
        """Forget finished jobs: first for good in the store, then their audio. Raises StoreUnavailable."""
        orphans = await self._commits.write_though_full(lambda: [d for j in job_ids for d in self._store.delete(j)])
        for digest in orphans:
            if not self._being_submitted[digest] and not self._store.is_used(digest):
                self._audio.remove(digest)
        self._spare.keep()

    async def keep_within_limits(self, home: Path) -> None:
        """Look every hour whether there is more than the settings keep, until cancelled."""
        while True:
            try:
                await self._once(home)
            except (BridgeError, OSError) as error:
                logger.error("retention: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _once(self, home: Path) -> None:
        limits = read_limits(home)
        if not limits.is_set:
            return
        ran = time.monotonic() - self._began_steady
        # if somebody has set the clock meanwhile: the one that makes less old
        now = min(time.time(), self._began + ran)
        decision = await self._threads.run(decided, home, limits, now, ran)
        for at in range(0, len(decision.go), _AT_ONCE):
            await self.forget(decision.go[at : at + _AT_ONCE])
            await asyncio.sleep(0)
        if decision.go:
            logger.info("retention: %d jobs, %.1f MB", len(decision.go), decision.freed_bytes / 1e6)


def decided(home: Path, limits: Limits, now: float, ran_seconds: float | None = None) -> Decision:
    """What goes of a folder's jobs by these limits; reads projects, so it takes a while. Raises StoreError.

    `now` in seconds since 1970; `ran_seconds` as in `decide`: of a daemon that does so unasked.
    """
    store = JobStore.reading(home / "jobs.sqlite3")
    try:
        sizes = {path.stem: path.stat().st_size for path in AudioStore(home / "audio").paths()}
        return decide(store, limits, sizes, named_in(limits.projects), now, ran_seconds)
    finally:
        store.close()

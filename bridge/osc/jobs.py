"""The daemon's jobs as a surface shows them: one line of words, progress, time left."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.osc.addresses import ROOT
from bridge.osc.daemon import Daemon
from bridge.osc.feedback import Feedback
from bridge.protocol.errors import UnknownThing
from bridge.protocol.messages import JobStatus

INTERVAL_SECONDS = 0.03


@dataclass(frozen=True)
class OwnJob:
    """A job that this controller started: by which address, from which source, and where results go."""

    path: str
    source: str
    folder: str


@dataclass(frozen=True)
class Shown:
    """What surfaces show of all jobs."""

    words: str = "ready"
    progress: float = 0.0
    remaining_seconds: float = 0.0
    queued: int = 0
    busy: bool = False


OnFinished = Callable[[JobStatus, OwnJob | None], Awaitable[None]]


class JobWatch:
    """Follows jobs by the ids that events name; a second's silence makes it ask anyway."""

    def __init__(self, daemon: Daemon, on_shown: Callable[[Shown], None], on_finished: OnFinished) -> None:
        self._daemon, self._on_shown, self._on_finished = daemon, on_shown, on_finished
        self._active: dict[str, JobStatus] = {}
        self._last: JobStatus | None = None
        self._own: dict[str, OwnJob] = {}
        self._stale: set[str] = set()
        self._woken = asyncio.Event()

    def own(self, status: JobStatus, job: OwnJob) -> None:
        """A job of ours, just submitted."""
        self._own[status.job_id] = job
        self.mark(status.job_id)

    def own_ids(self) -> list[str]:
        """Ids of our jobs that are not finished, oldest first."""
        return list(self._own)

    def mark(self, job_id: str) -> None:
        """Something changed about a job."""
        self._stale.add(job_id)
        self._woken.set()

    def mark_all(self) -> None:
        """Events may have been missed."""
        self._stale.update(self._active, self._own)
        self._woken.set()

    @property
    def busy(self) -> bool:
        """Whether a job is queued or runs, or was just asked for."""
        return bool(self._active or self._own)

    async def begin(self) -> None:
        """Learn what is active now. Raises BridgeError."""
        for status in await self._daemon.active():
            self._active[status.job_id] = status
        self._on_shown(self.shown())

    async def refresh(self) -> None:
        """Wait for changes, then ask about each changed job once. Raises BridgeError."""
        await self._woken.wait()
        self._woken.clear()
        while self._stale:
            await self._ask(self._stale.pop())
        self._on_shown(self.shown())
        await asyncio.sleep(INTERVAL_SECONDS)

    async def _ask(self, job_id: str) -> None:
        try:
            status = await self._daemon.status(job_id)
        except UnknownThing:
            self._active.pop(job_id, None)
            self._own.pop(job_id, None)
            return
        except BaseException:
            self.mark(job_id)
            raise
        if not status.is_finished:
            self._active[job_id] = status
            return
        self._active.pop(job_id, None)
        if self._last is None or (status.finished or 0.0) >= (self._last.finished or 0.0):
            self._last = status
        await self._on_finished(status, self._own.pop(job_id, None))

    def shown(self) -> Shown:
        """The running job, else the next one, else the last that ended."""
        queued = [s for s in self._active.values() if s.state == "queued"]
        running = [s for s in self._active.values() if s.state == "running"]
        if running:
            now = max(running, key=lambda s: s.started or 0.0)
        elif queued:
            now = min(queued, key=lambda s: s.queue_position)
        elif self._last is not None:
            now = self._last
        else:
            return Shown()
        progress = 1.0 if now.state == "completed" else now.progress
        return Shown(words(now), progress, now.remaining_seconds or 0.0, len(queued), bool(queued or running))


def tell(shown: Shown, feedback: Feedback) -> None:
    """Show it on every surface."""
    told = {
        "status": shown.words,
        "progress": float(shown.progress),
        "remaining": float(shown.remaining_seconds),
        "remaining/words": remaining_words(shown),
        "busy": int(shown.busy),
        "queue": shown.queued,
    }
    for name, value in told.items():
        feedback.put_changed(f"{ROOT}/{name}", value)


def remaining_words(shown: Shown) -> str:
    """Time left, for people; nothing while it is not known."""
    seconds = math.ceil(shown.remaining_seconds)
    if not shown.busy or seconds <= 0:
        return ""
    return f"{seconds} s left" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s left"


def words(status: JobStatus) -> str:
    """A job's state for people."""
    if status.state == "queued":
        before = max(status.queue_position - 1, 0)
        return f"{status.task}: queued, {before} before it" if before else f"{status.task}: queued"
    if status.state == "running":
        step = f" {status.step} of {status.steps}" if status.steps else ""
        return f"{status.task}: {'cancelling' if status.cancelling else (status.stage or 'starting') + step}"
    if status.state == "failed":
        return f"{status.task}: failed: {status.error.message if status.error else 'no reason given'}"
    return f"{status.task}: {'done' if status.state == 'completed' else 'cancelled'}"

"""The daemon's jobs as a surface shows them: one line of words, progress, time left."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.daemon.daemon import Daemon
from bridge.osc.feedback.feedback import Feedback
from bridge.protocol.errors import UnknownThing
from bridge.protocol.messages import JobStatus

INTERVAL_SECONDS = 0.03
MAX_ENDED = 512  # ids of jobs whose end was dealt with


@dataclass(frozen=True)
class OwnJob:
    """A job that this controller started: by which address, from which source, and where results go."""

    path: str
    source: str
    folder: str

    def client_data(self, controller: int) -> dict[str, Any]:
        """What the daemon keeps with the job, so that this controller, started again, knows it by its port."""
        return {"client": "osc", "controller": controller, **asdict(self)}


def own_job(status: JobStatus, controller: int) -> OwnJob | None:
    """What `client_data` said of a job; None where another client, or another controller, started it."""
    data = status.client_data
    if data.get("client") != "osc" or data.get("controller") != controller or "source" not in data:
        return None
    return OwnJob(*(str(data.get(name, "")) for name in ("path", "source", "folder")))


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

    def __init__(
        self, daemon: Daemon, controller: int, on_shown: Callable[[Shown], None], on_finished: OnFinished
    ) -> None:
        self._daemon, self._controller = daemon, controller
        self._on_shown, self._on_finished = on_shown, on_finished
        self.on_own: Callable[[], None] = lambda: None
        self._ended: deque[str] = deque(maxlen=MAX_ENDED)
        self._active: dict[str, JobStatus] = {}
        self._last: JobStatus | None = None
        self._own: dict[str, OwnJob] = {}
        self._stale: set[str] = set()
        self._woken = asyncio.Event()

    def own(self, status: JobStatus, job: OwnJob) -> None:
        """A job of ours, just submitted."""
        self._adopt({status.job_id: job})

    def _adopt(self, jobs: dict[str, OwnJob]) -> None:
        """Jobs of ours, whether they go on or have ended meanwhile."""
        for job_id in jobs.keys() - set(self._ended):
            self._own[job_id] = jobs[job_id]
            self.mark(job_id)
        self.on_own()

    def own_jobs(self) -> dict[str, OwnJob]:
        """Our jobs that are not finished, as far as known; oldest first."""
        return dict(self._own)

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

    async def begin(self, earlier: dict[str, OwnJob]) -> None:
        """Learn what is active now; `earlier` are jobs of ours that may have ended meanwhile. Raises BridgeError."""
        for status in await self._daemon.active():
            self._active[status.job_id] = status
        known = {status.job_id: own_job(status, self._controller) for status in self._active.values()}
        self._adopt(earlier | {job_id: job for job_id, job in known.items() if job is not None})
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
            self.on_own()
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
        job = self._own.pop(job_id, None) or own_job(status, self._controller)
        if job_id not in self._ended:
            self._ended.append(job_id)
            await self._on_finished(status, job)
            self.on_own()

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
    values = {
        "status": shown.words,
        "progress": float(shown.progress),
        "remaining": float(shown.remaining_seconds),
        "remaining/words": remaining_words(shown),
        "busy": int(shown.busy),
        "queue": shown.queued,
    }
    for name, value in values.items():
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

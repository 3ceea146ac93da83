"""Hands jobs from the queue to whatever is free to render them. Knows the store and the lanes; knows no client."""

from __future__ import annotations

import asyncio
import logging

from bridge.daemon.executor import Executor
from bridge.daemon.hub import Hub
from bridge.daemon.lane import Lane
from bridge.daemon.progress import Progress
from bridge.daemon.settings import Settings
from bridge.daemon.spread import items_of
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import StoreUnavailable
from bridge.protocol.messages import EngineState

logger = logging.getLogger("bridge.daemon")
_PAUSE_SECONDS = 0.05


class Runner:
    """The lanes of an executor, and whose turn it is.

    A job goes to a lane whose worker has its model already; of equal jobs the client goes first whose last turn is
    longest ago.
    """

    def __init__(self, store: JobStore, hub: Hub, executor: Executor, settings: Settings) -> None:
        self._store, self.hub, self._settings = store, hub, settings
        self.executor = executor
        self._lanes: list[Lane] = []
        self.turns: dict[str, int] = {}  # owner -> number of the last turn
        self._wake = asyncio.Event()
        self._wanted_model, self._unload = "", False
        executor.on_change = self.wake

    def wake(self) -> None:
        """Look at the queue again."""
        self._wake.set()

    def preload(self, model: str) -> None:
        """Load a model where no job runs."""
        self._want(model, False)

    def unload(self) -> None:
        """End the engine processes where no job runs."""
        self._want("", True)

    async def run(self) -> None:
        """Hand out jobs until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    self._follow_executor()
                    self._hand_out()
                    await self._wake.wait()
                except StoreUnavailable as error:
                    logger.error("runner: %s", error)
                    await asyncio.sleep(_PAUSE_SECONDS)
                except Exception:
                    logger.exception("runner")
                    await asyncio.sleep(0.5)
        finally:
            for lane in self._lanes:
                lane.stop()

    def progress_of(self, job_id: str) -> Progress | None:
        """How far a running job is; None for one that does not run."""
        lane = self._lane_of(job_id)
        return lane.progress if lane else None

    def cancel(self, job: Job) -> None:
        """Cancel a job in whatever state it is."""
        lane = self._lane_of(job.job_id)
        if lane is not None:
            lane.cancel()
        elif job.state == "queued":
            self._store.change(job, "cancelled")
            self._store.log(job.job_id, "info", "cancelled")
            self.hub.job_changed(job, 0)

    def requeue_current(self) -> None:
        """At shutdown: what is running will be run again."""
        for lane in self._lanes:
            lane.requeue()

    def describe(self) -> EngineState:
        """The worker that does most, as it is told to clients."""
        return self.executor.describe()

    @property
    def restarts(self) -> int:
        """Starts of engine processes after the first of each."""
        return sum(state.restarts for state in self.executor.describe_all())

    def _want(self, model: str, unload: bool) -> None:
        self._wanted_model, self._unload = model, unload
        self._follow_executor()
        for lane in self._lanes:
            lane.want(model, unload)
        self.wake()

    def _follow_executor(self) -> None:
        """A lane for each worker; workers may come and go. A lane that is at a job keeps its worker until then, and one
        that is to let go of its model until it has.
        """
        workers = self.executor.workers
        for lane in self._lanes:
            if lane.worker not in workers and lane.is_free and lane.unloads:
                lane.run_errand()
        self._lanes = [lane for lane in self._lanes if lane.worker in workers or not lane.is_free]
        have = [lane.worker for lane in self._lanes]
        for worker in workers:
            if worker not in have:
                lane = Lane(worker, self._store, self.hub, self._settings, self.wake)
                lane.want(self._wanted_model, self._unload)
                self._lanes.append(lane)

    def _hand_out(self) -> None:
        free = [lane for lane in self._lanes if lane.is_free and lane.worker in self.executor.workers]
        while free:
            job = self._store.next_queued(self.turns)
            if job is None:
                for lane in free:
                    lane.run_errand()
                return
            lane = min(free, key=lambda lane: _unlike(lane, job.model))
            free.remove(lane)
            lane.take(job, self._helpers(job, free))
            free = [other for other in free if other.is_free]
            self.turns[job.owner] = max(self.turns.values(), default=0) + 1

    def _helpers(self, job: Job, free: list[Lane]) -> list[Lane]:
        """Lanes that make parts of a job: when nothing else waits, those whose worker has its model or none."""
        spare = items_of(job.request) - 1
        if spare < 1 or not free or not self.executor.spreads or self._store.queued() > 1:
            return []
        return sorted(
            (lane for lane in free if _unlike(lane, job.model) < 2), key=lambda lane: _unlike(lane, job.model)
        )[:spare]

    def _lane_of(self, job_id: str) -> Lane | None:
        return next((lane for lane in self._lanes if lane.current and lane.current.job_id == job_id), None)


def _unlike(lane: Lane, model: str) -> int:
    """0 where the model is loaded, 1 where none is, 2 where another one would have to go."""
    loaded = lane.worker.loaded_model
    return 0 if loaded == model else 2 if loaded else 1

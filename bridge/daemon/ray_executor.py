"""Workers on a Ray cluster. One process drives the cluster (`bridge.ray_driver`); its places are told as they change.

No Ray here: what dies with the cluster is that process, never the daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bridge.daemon.engine import EngineDied, EngineProcess, OnSaid, Outcome
from bridge.daemon.settings import Settings
from bridge.engine_process import wire
from bridge.protocol.messages import EngineState

PROGRAM = "bridge.ray_driver"
_PAUSE_SECONDS = 2.0


class RayExecutor:
    """As many workers as the cluster has places; one before that is known, so that the first job starts the driver."""

    def __init__(self, settings: Settings) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._driver = EngineProcess(settings, program=PROGRAM)
        self._driver.on_places = self._follow
        self._count = 0
        self._workers = [RayWorker(self._driver)]

    @property
    def workers(self) -> Sequence[RayWorker]:
        """One per place."""
        return self._workers

    @property
    def spreads(self) -> bool:
        """Parts of a job go to several actors."""
        return True

    def describe(self) -> EngineState:
        """The driver, and how many places there are."""
        state = self._driver.describe()
        return EngineState(
            state=state.state,
            pid=state.pid,
            model=state.model,
            device=f"ray: {self._count} places" if state.pid else "ray: no driver runs",
            restarts=state.restarts,
            places=max(1, self._count),
            problems=state.problems,
        )

    def describe_all(self) -> list[EngineState]:
        """The same, once."""
        return [self.describe()]

    def kill(self) -> None:
        """End the driver at once; its actors end with it."""
        self._driver.kill()

    async def close(self) -> None:
        """End the driver in order."""
        await self._driver.close()

    def _follow(self, places: wire.Places) -> None:
        self._count = places.count
        count = max(1, places.count)
        del self._workers[count:]
        self._workers += [RayWorker(self._driver) for _ in range(count - len(self._workers))]
        self.on_change()


class RayWorker:
    """The right to have one job at the driver. Which actor gets it is the driver's choice: one that has its model."""

    def __init__(self, driver: EngineProcess) -> None:
        self._driver = driver
        self.loaded_model = ""

    async def render(self, job: wire.RenderJob, on_said: OnSaid) -> Outcome:
        """Render a job. Raises EngineDied, EngineNotStarted."""
        began = False

        def hear(message: wire.StepDone | wire.LogText) -> None:
            nonlocal began
            began = True
            on_said(message)

        try:
            return await self._driver.render(job, hear)
        except EngineDied as died:
            if not (began or died.begun):  # no actor had it: the cluster cannot be joined now
                died.counts = False
                await asyncio.sleep(_PAUSE_SECONDS)
            raise

    async def load(self, model: str) -> None:
        """Load a model on one actor that does not have it."""
        await self._driver.load(model)

    def cancel(self, job_id: str) -> None:
        """Ask for a job to stop within a step."""
        self._driver.cancel(job_id)

    def abandon(self, job_id: str) -> None:
        """End the actor that is at a job at once."""
        self._driver.abandon(job_id)

    async def stop(self) -> None:
        """End the driver and its actors, unless another worker has a job there."""
        if not self._driver.jobs:
            await self._driver.stop()

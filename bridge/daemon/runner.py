"""Takes jobs from the queue, one after the other, and has them rendered.

Knows the store, the hub and an engine process; knows no client.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Callable

import msgspec

from bridge.daemon.engine import EngineDied, EngineNotStarted, EngineProcess
from bridge.daemon.hub import Hub
from bridge.daemon.progress import Progress
from bridge.daemon.settings import Settings
from bridge.engine_process import wire
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import ErrorContent, StoreUnavailable
from bridge.protocol.messages import State

logger = logging.getLogger("bridge.daemon")
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.05, 2.0


class Runner:
    """One engine process and the job it is at."""

    def __init__(self, store: JobStore, hub: Hub, engine: EngineProcess, settings: Settings) -> None:
        self._store = store
        self.hub = hub
        self._settings = settings
        self.engine = engine
        self.current: Job | None = None
        self.progress = Progress()
        self._wake = asyncio.Event()
        self._wanted_model = ""
        self._unload = False
        self._killer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Look at the queue again."""
        self._wake.set()

    def preload(self, model: str) -> None:
        """Load a model when no job runs."""
        self._wanted_model, self._unload = model, False
        self.wake()

    def unload(self) -> None:
        """End the engine process when no job runs."""
        self._wanted_model, self._unload = "", True
        self.wake()

    async def run(self) -> None:
        """Run jobs until cancelled; a job that is running then goes back to the queue."""
        while True:
            job = self._store.next_queued()
            try:
                if job is not None:
                    await self._run_job(job)
                elif not await self._run_errand():
                    self._wake.clear()
                    await self._wake.wait()
            except StoreUnavailable as error:
                logger.error("runner: %s", error)
                await asyncio.sleep(_FIRST_PAUSE_SECONDS)
            except Exception:
                logger.exception("runner")
                await asyncio.sleep(0.5)

    def cancel(self, job: Job) -> None:
        """Cancel a job in whatever state it is."""
        running = self.current
        if running is not None and running.job_id == job.job_id:
            if not self.progress.cancelling:
                self.progress.cancelling = True
                self._log(running, "info", "cancel asked for")
                self.engine.cancel(job.job_id)
                self._arm_killer()
        elif job.state == "queued":
            self._change(job, "cancelled")

    def requeue_current(self) -> None:
        """At shutdown: what is running will be run again. Its engine process is ended at once."""
        job, self.current = self.current, None
        if job is not None:
            self.engine.kill()
            job.attempts = max(0, job.attempts - 1)
            self._change(job, "queued")

    async def _run_errand(self) -> bool:
        model, unload = self._wanted_model, self._unload
        self._wanted_model, self._unload = "", False
        if model:
            with contextlib.suppress(EngineDied, EngineNotStarted):
                await self.engine.load(model)
        if unload:
            await self.engine.stop()
        return bool(model or unload)

    async def _run_job(self, job: Job) -> None:
        order = wire.RenderJob(
            job_id=job.job_id, model=job.model, request=job.request, source_sha256=self._source_of(job)
        )
        self.progress = Progress()
        self._change(job, "running")
        self.current = job
        try:
            outcome = await self.engine.render(order, lambda message: self._heard(job, message))
        except (EngineDied, EngineNotStarted) as failed:
            error = failed  # the name of an except clause ends with it
            if self.current is job:
                await self._write(job, lambda: self._after_death(job, error))
        else:
            if self.current is job:
                await self._write(job, lambda: self._finish(job, outcome))
        finally:
            self._disarm_killer()
            self.current = None

    def _heard(self, job: Job, message: wire.StepDone | wire.LogText) -> None:
        if self.current is not job:
            return
        with contextlib.suppress(StoreUnavailable):  # a step or a line less in the log: the render goes on
            if isinstance(message, wire.LogText):
                self._log(job, message.level, message.text)
                return
            self.progress.advance(message.stage, message.step, message.steps)
            self._store.count_event(job)
            self.hub.job_changed(job, message.step)

    def _finish(self, job: Job, outcome: wire.Done | wire.Failed | wire.Stopped) -> None:
        if isinstance(outcome, wire.Failed):
            self._fail(job, outcome.error)
        elif isinstance(outcome, wire.Stopped):
            self._change(job, "cancelled")
        else:
            with self._store.transaction():
                job.result = [msgspec.to_builtins(entry) for entry in outcome.results]
                job.warnings = outcome.warnings
                for entry in outcome.results:
                    self._store.use(job.job_id, entry.audio.sha256)
                self._change(job, "completed")

    def _after_death(self, job: Job, error: EngineDied | EngineNotStarted) -> None:
        if self.progress.cancelling:
            self._change(job, "cancelled")
            return
        self._log(job, "error", f"{error} Attempt {job.attempts} of {self._settings.max_attempts}.")
        if job.attempts < self._settings.max_attempts:
            self._change(job, "queued")
            return
        if isinstance(error, EngineNotStarted):
            remedy = "`acestep-bridge doctor` looks for the cause."
            self._fail(job, ErrorContent(code="engine_unavailable", message=f"{error} {remedy}", remedy=remedy))
            return
        message = (
            f"The engine process ended {job.attempts} times in this job (status {error.status}). "
            "See engine.log in the daemon's folder; memory that ran out is the usual cause."
        )
        self._fail(job, ErrorContent(code="engine_crashed", message=message, remedy="Try a shorter region."))

    async def _write(self, job: Job, change: Callable[[], None]) -> None:
        """Make a change of the store, for as long as it takes: what a job came to is never lost to a full disk."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            before = copy.copy(job)
            try:
                with self.hub.held(), self._store.transaction(durable=True):
                    change()
                return
            except StoreUnavailable as error:
                for name in job.__struct_fields__:
                    setattr(job, name, getattr(before, name))
                logger.error("job %s: its outcome waits to be written: %s", job.job_id, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    def _fail(self, job: Job, error: ErrorContent) -> None:
        job.error = error
        self._log(job, "error", error.message)
        self._change(job, "failed")

    def _change(self, job: Job, state: State) -> None:
        self._store.change(job, state)
        self._log(job, "info", state)
        self.hub.job_changed(job, self.progress.step if state == "running" else 0)

    def _log(self, job: Job, level: str, text: str) -> None:
        self._store.log(job.job_id, level, text)

    def _source_of(self, job: Job) -> str | None:
        audio = job.request.get("audio")
        used = [u for u in self._store.used_by(job.job_id) if isinstance(audio, str) and u in audio]
        return used[0] if used else None

    def _arm_killer(self) -> None:
        seconds = max(self._settings.cancel_seconds, 1.5 * self.progress.seconds_per_step)
        self._killer = asyncio.get_running_loop().call_later(seconds, self.engine.kill)

    def _disarm_killer(self) -> None:
        if self._killer is not None:
            self._killer.cancel()
            self._killer = None

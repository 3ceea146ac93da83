"""Takes jobs from the queue, one after the other, and has them rendered. The `Executor` of this machine.

Knows the store, the hub and an engine process; knows no client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec

from bridge.daemon.engine import EngineDied, EngineNotStarted, EngineProcess
from bridge.daemon.hub import Hub
from bridge.daemon.progress import Progress
from bridge.daemon.settings import Settings
from bridge.engine_process import wire
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import ErrorContent
from bridge.protocol.messages import State

logger = logging.getLogger("bridge.daemon")


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
        self.current, self.progress = job, Progress()
        self._change(job, "running")
        order = wire.RenderJob(
            job_id=job.job_id, model=job.model, request=job.request, source_sha256=self._source_of(job)
        )
        try:
            outcome = await self.engine.render(order, lambda said: self._heard(job, said))
        except EngineDied as error:
            if self.current is job:
                self._after_death(job, error)
        except EngineNotStarted as error:
            if self.progress.cancelling:
                self._change(job, "cancelled")
                return
            remedy = "`acestep-bridge doctor` looks for the cause."
            message = f"{error} {remedy}"
            self._fail(job, ErrorContent(code="engine_unavailable", message=message, remedy=remedy))
        else:
            if self.current is job:
                self._finish(job, outcome)
        finally:
            self._disarm_killer()
            self.current = None

    def _heard(self, job: Job, said: wire.StepDone | wire.LogText) -> None:
        if self.current is not job:
            return
        if isinstance(said, wire.LogText):
            self._log(job, said.level, said.text)
            return
        self.progress.advance(said.stage, said.step, said.steps)
        self._store.count_event(job)
        self.hub.job_changed(job, said.step)

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

    def _after_death(self, job: Job, error: EngineDied) -> None:
        if self.progress.cancelling:
            self._change(job, "cancelled")
            return
        self._log(job, "error", f"{error} Attempt {job.attempts} of {self._settings.max_attempts}.")
        if job.attempts < self._settings.max_attempts:
            self._change(job, "queued")
            return
        message = (
            f"The engine process ended {job.attempts} times in this job (status {error.status}). "
            "See engine.log in the daemon's folder; memory that ran out is the usual cause."
        )
        self._fail(job, ErrorContent(code="engine_crashed", message=message, remedy="Try a shorter region."))

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

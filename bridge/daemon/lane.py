"""One place where jobs are rendered: a worker and the job it is at. Knows the store and the hub; knows no client."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Callable, Coroutine, Sequence

import msgspec

from bridge.daemon.durable.commits import Commits, NotKept
from bridge.daemon.engine import EngineDied, EngineNotStarted, Outcome
from bridge.daemon.executor import Worker
from bridge.daemon.hub import Hub
from bridge.daemon.links import links_of
from bridge.daemon.progress import Progress
from bridge.daemon.settings import Settings
from bridge.daemon.spread import Spread
from bridge.engine_process import wire
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import ErrorContent, StoreUnavailable, content_of
from bridge.protocol.messages import State
from bridge.system.own_code import UPDATED, own_code

logger = logging.getLogger("bridge.daemon")
_PERHAPS_OF_AN_UPDATE = ("engine_unavailable", "engine_crashed", "internal")
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.05, 2.0


class Lane:
    """Renders one job at a time. `on_free` is called when it can take the next."""

    def __init__(
        self, worker: Worker, store: JobStore, hub: Hub, settings: Settings, on_free: Callable[[], None]
    ) -> None:
        self.worker = worker
        self._store, self._hub, self._settings, self._on_free = store, hub, settings, on_free
        self._commits = Commits(store)
        self.current: Job | None = None
        self.progress = Progress()
        self._wanted_model = ""
        self._unload = False
        self._task: asyncio.Task[None] | None = None
        self._killer: asyncio.TimerHandle | None = None
        self._lent = False
        self._helpers: Sequence[Lane] = ()
        self._renders: Worker = worker

    @property
    def is_free(self) -> bool:
        """Whether it can take a job."""
        return self._task is None and not self._lent

    @property
    def unloads(self) -> bool:
        """Whether it is to let go of its model."""
        return self._unload

    def want(self, model: str, unload: bool = False) -> None:
        """Load a model, or let go of what is loaded, when no job waits."""
        self._wanted_model, self._unload = model, unload

    def take(self, job: Job, helpers: Sequence[Lane] = ()) -> None:
        """Begin a job, parts of which the workers of `helpers` make, other lanes that are free. Raises
        StoreUnavailable.
        """
        order = wire.RenderJob(
            job_id=job.job_id,
            model=job.model,
            request=job.request,
            source_sha256=self._source_of(job),
            links=links_of(job.client_data),
        )
        self.progress = Progress()
        with self._hub.held(), self._store.transaction():  # never running in the store without a lane that runs it
            self._change(job, "running")
            if helpers:
                self._log(job, "info", f"spread over {len(helpers) + 1} devices")
        self.current = job
        if helpers:
            self._renders, self._helpers = Spread([self.worker, *(lane.worker for lane in helpers)]), helpers
            for lane in helpers:
                lane._lent = True
        self._begin(self._run_job(job, order))

    def run_errand(self) -> None:
        """Begin to load or unload, if that was wanted."""
        if self._wanted_model or self._unload:
            self._begin(self._run_errand())

    def cancel(self) -> None:
        """Cancel the job it is at."""
        job = self.current
        if job is not None and not self.progress.cancelling:
            self.progress.cancelling = True
            self._renders.cancel(job.job_id)
            self._arm_killer(job)
            with contextlib.suppress(StoreUnavailable):  # a line less in the log
                self._log(job, "info", "cancel asked for")

    def requeue(self) -> None:
        """At shutdown: what is running will be run again. What renders it is ended at once."""
        job, self.current = self.current, None
        if job is not None and job.state == "running":  # else its outcome is on its way to the disk
            self._renders.abandon(job.job_id)
            job.attempts = max(0, job.attempts - 1)
            with contextlib.suppress(StoreUnavailable):  # then the next start does it
                self._change(job, "queued")

    def stop(self) -> None:
        """End what it does; nothing is written any more."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("lane")
            await asyncio.sleep(0.5)
        finally:
            self._task = None
            self._on_free()

    async def _run_errand(self) -> None:
        model, unload = self._wanted_model, self._unload
        self._wanted_model, self._unload = "", False
        if model:
            with contextlib.suppress(EngineDied, EngineNotStarted):
                await self.worker.load(model)
        if unload:
            await self.worker.stop()

    async def _run_job(self, job: Job, order: wire.RenderJob) -> None:
        try:
            outcome = await self._renders.render(order, lambda message: self._heard(job, message))
        except (EngineDied, EngineNotStarted) as failed:
            error = failed  # the name of an except clause ends with it
            if self.current is job:
                await self._write(job, lambda: self._after_death(job, error))
        except Exception as error:  # of ours: the job is told of it, and does not run for ever
            logger.exception("job %s", job.job_id)
            content = content_of(error)
            if self.current is job:
                await self._write(job, lambda: self._fail(job, content))
        else:
            if self.current is job:
                await self._write(job, lambda: self._finish(job, outcome))
        finally:
            self._disarm_killer()
            self.current = None
            self._give_back()

    def _give_back(self) -> None:
        """Let the helpers take jobs of their own again."""
        for lane in self._helpers:
            lane._lent = False
        self._renders, self._helpers = self.worker, ()

    def _heard(self, job: Job, message: wire.StepDone | wire.LogText) -> None:
        if self.current is not job:
            return
        with contextlib.suppress(StoreUnavailable):  # a step or a line less in the log: the render goes on
            if isinstance(message, wire.LogText):
                self._log(job, message.level, message.text)
                return
            self.progress.advance(message.stage, message.step, message.steps)
            self._store.count_event(job)
            self._hub.job_changed(job, message.step)

    def _finish(self, job: Job, outcome: Outcome) -> None:
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
        if isinstance(error, EngineDied) and not error.counts:
            job.attempts -= 1
            self._change(job, "queued")
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
            "See `acestep-bridge logs engine`; memory that ran out is the usual cause."
        )
        self._fail(job, ErrorContent(code="engine_crashed", message=message, remedy="Try a shorter region."))

    async def _write(self, job: Job, change: Callable[[], None]) -> None:
        """Make a change of the store, for as long as it takes: what a job came to is never lost to a full disk."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            before = copy.copy(job)
            try:
                self._hub.tell(await self._commits.write(lambda: self._hub.collected(change)))
                return
            except NotKept as error:
                logger.error("job %s: its outcome may be lost if power is: %s", job.job_id, error)
                return self._hub.job_changed(job, 0)
            except StoreUnavailable as error:
                for name in job.__struct_fields__:
                    setattr(job, name, getattr(before, name))
                logger.error("job %s: its outcome waits to be written: %s", job.job_id, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    def _fail(self, job: Job, error: ErrorContent) -> None:
        if error.code in _PERHAPS_OF_AN_UPDATE and own_code().changed():
            error = msgspec.structs.replace(error, message=f"{error.message} {UPDATED}", remedy=UPDATED)
        job.error = error
        self._log(job, "error", error.message)
        self._change(job, "failed")

    def _change(self, job: Job, state: State) -> None:
        self._store.change(job, state)
        self._log(job, "info", state)
        self._hub.job_changed(job, self.progress.step if state == "running" else 0)

    def _log(self, job: Job, level: str, text: str) -> None:
        self._store.log(job.job_id, level, text)

    def _source_of(self, job: Job) -> str | None:
        audio = job.request.get("audio")
        used = [u for u in self._store.used_by(job.job_id) if isinstance(audio, str) and u in audio]
        return used[0] if used else None

    def _arm_killer(self, job: Job) -> None:
        seconds = max(self._settings.cancel_seconds, 1.5 * self.progress.seconds_per_step)
        self._killer = asyncio.get_running_loop().call_later(seconds, self._renders.abandon, job.job_id)

    def _disarm_killer(self) -> None:
        if self._killer is not None:
            self._killer.cancel()
            self._killer = None

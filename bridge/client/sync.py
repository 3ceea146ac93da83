"""The client for ordinary code: the asynchronous one on a loop in a thread of its own. Safe to use from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from bridge.client.aio import AsyncClient, AsyncJob, Event
from bridge.client.results import JobResult
from bridge.client.transport import Timeouts
from bridge.protocol import messages as m
from engine.requests import Request

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread; `run` waits for a coroutine there."""

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="acestep-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; an interrupt here cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """An asynchronous iterator as an ordinary one, closed with it."""
        steps: Steps = []
        try:
            while True:
                try:
                    item = self.run(_next(items, steps))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self.run(_close(items, steps))

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Client:
    """A connection to a daemon: `with Client.connect() as client: client.submit(request).result()`."""

    def __init__(self, thread: LoopThread, client: AsyncClient) -> None:
        self._thread = thread
        self._client = client

    @classmethod
    def connect(cls, home: Path | None = None, link: Path | None = None, timeouts: Timeouts | None = None) -> Client:
        """Connect to this machine's daemon, or to another's by its link file. Raises DaemonNotRunning."""
        thread = LoopThread()
        try:
            return cls(thread, thread.run(AsyncClient.connect(home, link, timeouts)))
        except BaseException:
            thread.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; jobs go on."""
        self._thread.run(self._client.close())
        self._thread.close()

    def hello(self, warm: bool = False) -> m.HelloReply:
        """Who answers; `warm` starts the engine process."""
        return self._thread.run(self._client.hello(warm))

    def submit(
        self,
        request: Request | Mapping[str, Any],
        client_data: dict[str, Any] | None = None,
        request_id: str | None = None,
        priority: int | None = None,
    ) -> JobHandle:
        """Queue a request. Raises InvalidField (nothing was queued) and the other errors of the tree."""
        job = self._thread.run(self._client.submit(request, client_data, request_id, priority))
        return JobHandle(self._thread, job)

    def job(self, job_id: str) -> JobHandle:
        """The handle of a job that exists. Raises UnknownThing."""
        return JobHandle(self._thread, self._thread.run(self._client.job(job_id)))

    def status(self, job_id: str) -> m.JobStatus:
        """A job as it is now."""
        return self._thread.run(self._client.status(job_id))

    def result(self, job_id: str, include: Literal["path", "bytes"] | None = None) -> JobResult:
        """What a completed job made. Raises NotFinished, JobFailed, JobCancelled."""
        return self._thread.run(self._client.result(job_id, include))

    def logs(self, job_id: str, after: int = 0) -> m.LogsReply:
        """A job's log lines with a number above `after`."""
        return self._thread.run(self._client.logs(job_id, after))

    def cancel(self, job_id: str) -> m.JobStatus:
        """Cancel a job; one that is finished stays as it is."""
        return self._thread.run(self._client.cancel(job_id))

    def jobs(self, state: m.State | None = None, limit: int = 50, offset: int = 0) -> m.ListReply:
        """Jobs, newest first."""
        return self._thread.run(self._client.jobs(state, limit, offset))

    def requests(self, job_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The requests of up to 500 jobs, by job, as they are rendered; unknown jobs are left out."""
        return self._thread.run(self._client.requests(job_ids))

    def delete(self, job_id: str) -> None:
        """Forget a finished job and its audio."""
        self._thread.run(self._client.delete(job_id))

    def upload(self, audio: bytes | str | Path) -> m.UploadReply:
        """Put audio into the store; the reply's `reference` may stand as `audio` in requests."""
        return self._thread.run(self._client.upload(audio))

    def models(self) -> m.ModelsReply:
        """The registry."""
        return self._thread.run(self._client.models())

    def load(self, model: str) -> m.EngineState:
        """Begin to load a model."""
        return self._thread.run(self._client.load(model))

    def unload(self) -> m.EngineState:
        """End the engine process when it is idle."""
        return self._thread.run(self._client.unload())

    def controls(self) -> m.ControlsReply:
        """The shared controls."""
        return self._thread.run(self._client.controls())

    def set_controls(self, values: Mapping[str, Any]) -> m.ControlsReply:
        """Merge values into the controls; None removes a name."""
        return self._thread.run(self._client.set_controls(values))

    def metrics(self) -> m.MetricsReply:
        """Counts since the daemon's start."""
        return self._thread.run(self._client.metrics())

    def events(self, job_id: str = "") -> Iterator[Event]:
        """Events of one job until it is finished, or of all jobs without end."""
        return self._thread.iterate(self._client.events(job_id))

    def shutdown(self) -> None:
        """Stop the daemon; a running job goes back to the queue."""
        self._thread.run(self._client.shutdown())


class JobHandle:
    """A job of the daemon. `submitted` is its status when the handle was made."""

    def __init__(self, thread: LoopThread, job: AsyncJob) -> None:
        self._thread = thread
        self._job = job
        self.job_id = job.job_id
        self.submitted = job.submitted

    def status(self) -> m.JobStatus:
        """The job as it is now."""
        return self._thread.run(self._job.status())

    def progress(self) -> Iterator[m.JobStatus]:
        """The status at each change, until the job is finished."""
        return self._thread.iterate(self._job.progress())

    def events(self) -> Iterator[Event]:
        """The job's events, as published, until it is finished."""
        return self._thread.iterate(self._job.events())

    def wait(self, timeout_seconds: float | None = None) -> m.JobStatus:
        """The status when the job is finished. Raises TimeoutError."""
        return self._thread.run(self._job.wait(timeout_seconds))

    def cancel(self) -> m.JobStatus:
        """Cancel the job."""
        return self._thread.run(self._job.cancel())

    def result(self, include: Literal["path", "bytes"] | None = None) -> JobResult:
        """Wait for the job and give what it made. Raises JobFailed, JobCancelled."""
        return self._thread.run(self._job.result(include))


Steps = list[asyncio.Task[Any] | None]


async def _next(items: AsyncIterator[T], steps: Steps) -> T:
    steps[:] = [asyncio.current_task()]
    return await anext(items)


async def _close(items: AsyncIterator[Any], steps: Steps) -> None:
    """Close it; an interrupt may have come when a step was under way that nobody cancelled yet."""
    for step in steps:
        if step is not None and not step.done():
            step.cancel()
            await asyncio.wait([step])
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()

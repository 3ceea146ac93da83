"""The asynchronous client: operations as coroutines, jobs as handles. Works on one event loop.

On Windows that loop must be a selector loop: `asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar, cast

import msgspec
import zmq.asyncio

from bridge.client.prepare import Data, Way, as_buffer, by_hash, by_path, into_store, prepare
from bridge.client.results import JobResult
from bridge.client.transport import Target, Timeouts, Transport
from bridge.protocol import messages as m
from bridge.protocol.errors import DaemonLost, DaemonNotRunning, ProtocolError, RequestFailed, UnknownThing, failure
from bridge.protocol.frames import unpack
from bridge.protocol.home import home_folder
from bridge.protocol.keys import own_pair
from engine.requests import Request

Reply = TypeVar("Reply", bound=m.Content)
_POLL_SECONDS = 10.0
_QUIET_SECONDS = 1.0
_SLOWEST_BYTES_A_SECOND = 100_000  # of a line over which audio is sent


@dataclass(frozen=True)
class Event:
    """A job's event; `missed` counts those before it that this subscriber did not see."""

    job_id: str
    sequence: int
    state: m.State
    step: int
    missed: int = 0


class AsyncClient:
    """A connection to a daemon. `async with await AsyncClient.connect() as client: ...`"""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.store: Path | None = None  # the daemon's audio, where it is this machine's

    @classmethod
    async def connect(
        cls, home: Path | None = None, link: Path | None = None, timeouts: Timeouts | None = None
    ) -> AsyncClient:
        """Connect to this machine's daemon, or to another's by its link file. Raises DaemonNotRunning."""
        folder, limits = home or home_folder(), timeouts or Timeouts()
        target = Target(folder, link, own_pair(folder) if link else None)
        client = cls(Transport(target, limits))
        try:
            client.transport.open()
            client.store = None if client.is_remote else folder / "audio"
            await client.transport.request("hello", m.HelloRequest(client="python"), seconds=limits.connect)
        except DaemonLost as error:
            await client.close()
            raise DaemonNotRunning(str(error)) from error
        except RequestFailed as error:
            await client.close()
            if error.code == "shutting_down":  # another one can be started: it waits until this one has ended
                raise DaemonNotRunning(str(error)) from error
            raise
        except BaseException:
            await client.close()
            raise
        return client

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; jobs go on."""
        await self.transport.close()

    @property
    def is_remote(self) -> bool:
        """Whether the daemon is on another machine, so that audio travels as bytes."""
        return bool(self.transport.connection.server_public)

    async def hello(self, warm: bool = False) -> m.HelloReply:
        """Who answers; `warm` starts the engine process."""
        return await self._ask("hello", m.HelloRequest(client="python", warm=warm), m.HelloReply)

    async def submit(
        self,
        request: Request | Mapping[str, Any],
        client_data: dict[str, Any] | None = None,
        request_id: str | None = None,
        priority: int | None = None,
    ) -> AsyncJob:
        """Queue a request. Raises InvalidField (nothing was queued) and the other errors of the tree."""
        named, whole = self._ways()
        fields, buffers = await asyncio.to_thread(prepare, request, named)
        chosen = request_id or fields.get("request_id") or _fresh()
        content = m.SubmitRequest(request=fields, client_data=client_data, request_id=chosen, priority=priority)
        try:
            reply = await self._submit(content, buffers)
        except UnknownThing as error:
            if error.code != "unknown_audio":
                raise
            fields, buffers = await asyncio.to_thread(prepare, request, whole)
            if not buffers:  # the caller named audio that is not there
                raise
            reply = await self._submit(msgspec.structs.replace(content, request=fields), buffers)
        return AsyncJob(self, reply)

    async def _submit(self, content: m.SubmitRequest, buffers: Sequence[Data]) -> m.JobStatus:
        seconds = self._seconds_for(sum(memoryview(buffer).nbytes for buffer in buffers))
        reply = await self.transport.request("submit", content, buffers, seconds)
        return cast(m.JobStatus, m.read_reply("submit", reply.content))

    def _ways(self) -> tuple[Way, Way]:
        """How audio goes to the daemon, and how it goes if the daemon does not have what was named."""
        if self.is_remote:
            return by_hash, as_buffer
        return (by_path if self.store is None else into_store(self.store)), by_path

    def _seconds_for(self, size: int) -> float:
        """How long a request may take with which `size` bytes travel."""
        return self.transport.timeouts.reply + size / _SLOWEST_BYTES_A_SECOND

    async def job(self, job_id: str) -> AsyncJob:
        """The handle of a job that exists. Raises UnknownThing."""
        return AsyncJob(self, await self.status(job_id))

    async def status(self, job_id: str) -> m.JobStatus:
        """A job as it is now."""
        return await self._ask("status", m.JobRequest(job_id=job_id), m.JobStatus)

    async def wait_once(self, job_id: str, seconds: float, after_sequence: int | None = None) -> m.JobStatus:
        """One long poll of at most 60 s."""
        content = m.WaitRequest(job_id=job_id, timeout_seconds=seconds, after_sequence=after_sequence)
        reply = await self.transport.request("wait", content, seconds=seconds + self.transport.timeouts.reply)
        return cast(m.JobStatus, m.read_reply("wait", reply.content))

    async def result(self, job_id: str, include: Literal["path", "bytes"] | None = None) -> JobResult:
        """What a completed job made. Raises NotFinished, JobFailed, JobCancelled."""
        result = await self._result(job_id, "path")
        if include == "path" or (include is None and not self.is_remote):
            return result
        files = [entry.audio for entry in result.entries]
        if self.store is not None:
            with contextlib.suppress(OSError):
                return JobResult(result.reply, await asyncio.to_thread(_read, files))
        return await self._result(job_id, "bytes", self._seconds_for(sum(file.file_size for file in files)))

    async def _result(self, job_id: str, include: Literal["path", "bytes"], seconds: float | None = None) -> JobResult:
        reply = await self.transport.request("result", m.ResultRequest(job_id=job_id, include=include), (), seconds)
        buffers = [bytes(b) for b in reply.buffers]
        return JobResult(cast(m.ResultReply, m.read_reply("result", reply.content)), buffers)

    async def logs(self, job_id: str, after: int = 0) -> m.LogsReply:
        """A job's log lines with a number above `after`."""
        return await self._ask("logs", m.LogsRequest(job_id=job_id, after=after), m.LogsReply)

    async def cancel(self, job_id: str) -> m.JobStatus:
        """Cancel a job; one that is finished stays as it is."""
        return await self._ask("cancel", m.JobRequest(job_id=job_id, request_id=_fresh()), m.JobStatus)

    async def jobs(self, state: m.State | None = None, limit: int = 50, offset: int = 0) -> m.ListReply:
        """Jobs, newest first."""
        return await self._ask("list", m.ListRequest(state=state, limit=limit, offset=offset), m.ListReply)

    async def requests(self, job_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The requests of up to 500 jobs, by job, as they are rendered; unknown jobs are left out."""
        return (await self._ask("requests", m.RequestsRequest(job_ids=list(job_ids)), m.RequestsReply)).requests

    async def delete(self, job_id: str) -> None:
        """Forget a finished job and its audio."""
        await self._ask("delete", m.JobRequest(job_id=job_id, request_id=_fresh()), m.DeleteReply)

    async def upload(self, audio: bytes | str | Path) -> m.UploadReply:
        """Put audio into the store; the reply's `reference` may stand as `audio` in requests."""
        data = audio if isinstance(audio, bytes) else Path(audio).read_bytes()
        name = "" if isinstance(audio, bytes) else Path(audio).name
        content = m.UploadRequest(file_name=name, request_id=_fresh())
        reply = await self.transport.request("upload", content, [data])
        return cast(m.UploadReply, m.read_reply("upload", reply.content))

    async def models(self) -> m.ModelsReply:
        """The registry."""
        return await self._ask("models", m.Nothing(), m.ModelsReply)

    async def load(self, model: str) -> m.EngineState:
        """Begin to load a model."""
        return await self._ask("load", m.LoadRequest(model=model, request_id=_fresh()), m.EngineState)

    async def unload(self) -> m.EngineState:
        """End the engine process when it is idle."""
        return await self._ask("unload", m.ChangeRequest(request_id=_fresh()), m.EngineState)

    async def controls(self) -> m.ControlsReply:
        """The shared controls, which OSC surfaces edit and ReaScripts read."""
        return await self._ask("controls", m.ControlsRequest(action="get"), m.ControlsReply)

    async def set_controls(self, values: Mapping[str, Any]) -> m.ControlsReply:
        """Merge values into the controls; None removes a name."""
        content = m.ControlsRequest(action="set", values=dict(values), request_id=_fresh())
        return await self._ask("controls", content, m.ControlsReply)

    async def metrics(self) -> m.MetricsReply:
        """Counts since the daemon's start."""
        return await self._ask("metrics", m.Nothing(), m.MetricsReply)

    async def shutdown(self) -> None:
        """Stop the daemon; a running job goes back to the queue."""
        await self._ask("shutdown", m.ChangeRequest(request_id=_fresh()), m.ShutdownReply)

    async def events(self, job_id: str = "") -> AsyncIterator[Event]:
        """Events of one job until it is finished, or of all jobs without end. Gaps show in `missed`."""
        socket = self.transport.subscribe(f"job.{job_id}")
        last: dict[str, int] = {}
        try:
            while True:
                event = await self._next_event(socket, job_id)
                if event is None or event.sequence <= last.get(event.job_id, 0):
                    continue
                missed = event.sequence - last.get(event.job_id, event.sequence - 1 if not job_id else 0) - 1
                last[event.job_id] = event.sequence
                yield Event(event.job_id, event.sequence, event.state, event.step, missed)
                if job_id and event.state in m.FINISHED:
                    return
        finally:
            socket.close()

    async def _next_event(self, socket: zmq.asyncio.Socket, job_id: str) -> m.JobEvent | None:
        if await socket.poll(int(_QUIET_SECONDS * 1000)):
            frames = await socket.recv_multipart()
            connection = self.transport.connection
            try:
                content = unpack(connection.events_key or connection.key, frames[1:]).content
            except ProtocolError:
                return None
            return msgspec.convert(content, m.JobEvent)
        if not job_id:
            return None
        now = await self.status(job_id)
        return m.JobEvent(job_id=job_id, sequence=now.sequence, state=now.state, step=now.step)

    async def _ask(self, op: str, content: m.Content, kind: type[Reply]) -> Reply:
        reply = await self.transport.request(op, content)
        typed = m.read_reply(op, reply.content)
        assert isinstance(typed, kind)
        return typed


class AsyncJob:
    """A job of the daemon. `submitted` is its status when the handle was made."""

    def __init__(self, client: AsyncClient, submitted: m.JobStatus) -> None:
        self.client = client
        self.submitted = submitted
        self.job_id = submitted.job_id

    async def status(self) -> m.JobStatus:
        """The job as it is now."""
        return await self.client.status(self.job_id)

    async def progress(self) -> AsyncIterator[m.JobStatus]:
        """The status at each change, until the job is finished; quick steps may share one."""
        status = await self.status()
        yield status
        while not status.is_finished:
            newer = await self.client.wait_once(self.job_id, _POLL_SECONDS, status.sequence)
            if newer.sequence != status.sequence or newer.is_finished:
                yield newer
            status = newer

    async def wait(self, timeout_seconds: float | None = None) -> m.JobStatus:
        """The status when the job is finished. Raises TimeoutError; JobFailed and JobCancelled come from `result`."""
        limit = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            left = _POLL_SECONDS if limit is None else min(_POLL_SECONDS, limit - time.monotonic())
            status = await self.client.wait_once(self.job_id, max(left, 0.0))
            if status.is_finished:
                return status
            if limit is not None and time.monotonic() >= limit:
                raise TimeoutError(f"Job {self.job_id} is {status.state} after {timeout_seconds} s; it goes on.")

    async def events(self) -> AsyncIterator[Event]:
        """The job's events, as published, until it is finished."""
        async for event in self.client.events(self.job_id):
            yield event

    async def cancel(self) -> m.JobStatus:
        """Cancel the job."""
        return await self.client.cancel(self.job_id)

    async def result(self, include: Literal["path", "bytes"] | None = None) -> JobResult:
        """Wait for the job and give what it made. Raises JobFailed, JobCancelled."""
        status = await self.wait()
        if status.error is not None:
            raise failure(status.error)
        return await self.client.result(self.job_id, include)


def _read(files: Sequence[m.AudioFile]) -> list[bytes]:
    return [Path(file.path or "").read_bytes() for file in files]


def _fresh() -> str:
    return uuid.uuid4().hex

"""A renderer that has another machine render: audio and request go there over CURVE, results come back. No torch.

The job's id is its `request_id` there, so a job that goes on after a crash here, or after the line was cut, finds its
first run.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from bridge.client import Client, JobHandle, JobResult, Timeouts
from bridge.client.likeness import differences
from bridge.client.link_state import REMOVE, Standing, link_state
from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore
from bridge.protocol.errors import BridgeError, DaemonLost, DaemonNotRunning, ErrorContent, RequestFailed, failure
from bridge.protocol.linked import LINKS, Linked, linked_path, read_linked
from bridge.protocol.messages import PUBLIC_STATES, JobStatus, ModelName, ResultEntry
from engine.errors import Cancelled

_LOOK_SECONDS = 0.05
_TIMEOUTS = Timeouts(connect=4.0, reply=60.0, reconnect=30.0)
_SLOW = Timeouts(connect=20.0, reply=60.0, reconnect=30.0)  # a line that is slow, or loses much
_TICK_SECONDS = 10.0  # the daemon takes a job without a word for one that hangs
_TRY_SECONDS, _LINES_SECONDS = 2.0, 1.0
_WAITS = {  # how long a machine that has our job may be away, by how it is
    **dict.fromkeys((Standing.SILENT, Standing.NOT_FOUND), 600.0),
    **dict.fromkeys((Standing.STOPPED, Standing.NO_DAEMON), 60.0),
}


def remote_renderer(store: AudioStore, device: str) -> RemoteRenderer:
    """The renderer of a daemon whose machine is linked. `device` is the other machine's affair."""
    return RemoteRenderer(store, store.folder.parent)


class RemoteRenderer:
    """Renders on the machine that `linked.json` in `home` names."""

    def __init__(self, store: AudioStore, home: Path) -> None:
        self._store = store
        self._home = home
        self._client: Client | None = None
        self._linked = _linked(home)
        self.device = self._linked.name
        self.places = 1  # how many jobs that machine takes at once
        self.problems: list[str] = []  # what of it is not as here

    def load(self, model: str, on_step: OnStep) -> ModelName:
        """Let the other machine load its model. Raises RequestFailed."""
        on_step("load", 0, 1)
        client, name = self._connected(), self._linked.name
        is_default = model == self._linked.model.name
        hello = client.hello(warm=is_default)
        self.places = sum(engine.places for engine in hello.engines or [hello.engine])
        self.problems = differences(name, hello.package_version, client.models(), model)
        self.device = f"{name} ({hello.engine.device})" if hello.engine.device else name
        if is_default:
            return hello.model
        client.load(model)
        return ModelName(name=model, description=f"{model}: on {name}")

    def render(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> Done:
        """Have a job rendered there and bring its results here. Raises RequestFailed, Cancelled."""
        try:
            result = self._rendered(job, on_step, on_log, cancel)
        except RequestFailed as error:
            if error.code == "job_cancelled" or cancel.is_set():
                raise Cancelled("The job was cancelled.") from error
            raise
        except BridgeError as error:
            self._disconnect()
            raise _unreachable(self._home, self._linked, error) from error
        results = [self._kept(entry, data) for entry, data in zip(result.entries, result.buffers, strict=True)]
        return Done(job_id=job.job_id, results=results, warnings=[*self.problems, *result.reply.warnings])

    def _rendered(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> JobResult:
        """The result, however often the line is cut meanwhile. Raises DaemonLost where the machine stays away."""
        lines = _Lines(on_log)
        for problem in self.problems:
            on_log("warning", problem)
        while True:
            try:
                return self._followed(job, on_step, lines, cancel)
            except (DaemonLost, DaemonNotRunning) as error:
                lost: BridgeError = error
            except RequestFailed as error:
                if error.code != "shutting_down":
                    raise
                lost = error
            self._disconnect()
            on_log("warning", f"{self._linked.name} was lost ({lost}); the job goes on when it answers again")
            self._wait_for_it(on_step, cancel, lost)

    def _wait_for_it(self, on_step: OnStep, cancel: threading.Event, lost: BridgeError) -> None:
        begun = time.monotonic()
        while True:
            on_step("interrupted", 0, 1)
            standing = link_state(self._home, linked_path(self._home)).standing
            if standing is Standing.ANSWERS:
                return
            if time.monotonic() - begun > _WAITS.get(standing, 0.0):
                raise DaemonLost(str(lost)) from lost
            if cancel.wait(_TRY_SECONDS):
                raise Cancelled("The job was cancelled.")

    def _followed(self, job: RenderJob, on_step: OnStep, lines: _Lines, cancel: threading.Event) -> JobResult:
        client = self._connected()
        lines.on_log("info", f"sent to {self._linked.name}")
        handle = client.submit(self._request(job), {LINKS: job.links + 1}, f"linked {job.job_id}")
        finished, told = threading.Event(), _Told(on_step)
        watcher = threading.Thread(target=_pass_on, args=(cancel, finished, handle, told), daemon=True)
        watcher.start()
        try:
            for status in handle.progress():
                if not status.is_finished:
                    told.tell(status.stage or "queued", status.step, status.steps)
                lines.pass_on(client, status)
        finally:
            finished.set()
        on_step("receive", 0, 1)
        return handle.result("bytes")

    def _request(self, job: RenderJob) -> dict[str, Any]:
        """The request without what was settled for this machine."""
        kept = {name: value for name, value in job.request.items() if name != "model"}
        return kept if job.model == self._linked.model.name else {**kept, "model": job.model}

    def _kept(self, entry: ResultEntry, data: bytes) -> ResultEntry:
        sha256, path = self._store.put(data, Path(entry.audio.file_name).suffix, entry.audio.sha256)
        replace = msgspec.structs.replace
        return replace(entry, audio=replace(entry.audio, path=str(path), sha256=sha256))

    def _connected(self) -> Client:
        if self._client is None:
            try:
                self._client = self._connect()
            except BridgeError as error:
                raise _unreachable(self._home, self._linked, error) from error
        return self._client

    def _connect(self) -> Client:
        link = linked_path(self._home)
        try:
            return Client.connect(self._home, link, _TIMEOUTS)
        except BridgeError:
            if link_state(self._home, link, _SLOW.connect).standing is not Standing.ANSWERS:
                raise
            return Client.connect(self._home, link, _SLOW)

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(BridgeError):
                client.close()


class _Told:
    """The last step of a job, told again while nothing comes: it may wait long in the queue there."""

    def __init__(self, on_step: OnStep) -> None:
        self._on_step, self._last, self._at = on_step, ("queued", 0, 1), time.monotonic()

    def tell(self, stage: str, step: int, steps: int) -> None:
        self._last, self._at = (stage, step, steps), time.monotonic()
        self._on_step(stage, step, steps)

    def tell_again(self) -> None:
        if time.monotonic() - self._at > _TICK_SECONDS:
            self.tell(*self._last)


class _Lines:
    """The job's log there, passed on as it grows; states are told by the job's own."""

    def __init__(self, on_log: OnLog) -> None:
        self.on_log, self._after, self._at = on_log, 0, 0.0

    def pass_on(self, client: Client, status: JobStatus) -> None:
        """What is new, at most once a second until the job is finished."""
        if not status.is_finished and time.monotonic() - self._at < _LINES_SECONDS:
            return
        self._at = time.monotonic()
        said = status.error.message if status.error is not None else ""  # told as the job's error
        for line in client.logs(status.job_id, self._after).lines:
            self._after = line.number
            if line.text not in PUBLIC_STATES and line.text != said:
                self.on_log(line.level, line.text)


def _pass_on(cancel: threading.Event, finished: threading.Event, handle: JobHandle, told: _Told) -> None:
    while not finished.is_set():
        told.tell_again()
        if cancel.wait(_LOOK_SECONDS) and not finished.is_set():
            with contextlib.suppress(BridgeError):
                handle.cancel()
            return


def _linked(home: Path) -> Linked:
    linked = read_linked(home)
    if linked is None:
        raise failure(ErrorContent(code="engine_unavailable", message="This machine is not linked any more."))
    return linked


def _unreachable(home: Path, linked: Linked, error: BridgeError) -> RequestFailed:
    """The failure of a job whose machine was lost: with why, as far as asking once more tells."""
    message = f"{linked.name} at {linked.endpoints.commands} was lost."
    with contextlib.suppress(BridgeError):
        state = link_state(home, linked_path(home))
        message = state.sentence if state.hello is None else f"{message} It answers again: submit the job again."
    return failure(ErrorContent(code="engine_unavailable", message=f"{message} {REMOVE}", remedy=REMOVE))

"""A renderer that has another machine render: audio and request go there over CURVE, results come back. No torch.

The job's id is its `request_id` there, so a job that is run again after a crash here finds its first run.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import msgspec

from bridge.client import Client, JobHandle, JobResult, Timeouts
from bridge.client.link_state import REMOVE, link_state
from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore
from bridge.protocol.errors import BridgeError, ErrorContent, RequestFailed, failure
from bridge.protocol.linked import Linked, linked_path, read_linked
from bridge.protocol.messages import ModelName, ResultEntry
from engine.errors import Cancelled

_LOOK_SECONDS = 0.05
_TIMEOUTS = Timeouts(connect=4.0, reply=120.0, reconnect=30.0)


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

    def load(self, model: str, on_step: OnStep) -> ModelName:
        """Let the other machine load its model. Raises RequestFailed."""
        on_step("load", 0, 1)
        client = self._connected()
        if model != self._linked.model.name:
            client.load(model)
            return ModelName(name=model, description=f"{model}: on {self._linked.name}")
        hello = client.hello(warm=True)
        self.device = f"{self._linked.name} ({hello.engine.device})" if hello.engine.device else self._linked.name
        return hello.model

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
        return Done(job_id=job.job_id, results=results, warnings=result.reply.warnings)

    def _rendered(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> JobResult:
        client = self._connected()
        on_log("info", f"sent to {self._linked.name}")
        handle = client.submit(self._request(job), request_id=f"linked {job.job_id}")
        finished = threading.Event()
        watcher = threading.Thread(target=_pass_on, args=(cancel, finished, handle), daemon=True)
        watcher.start()
        try:
            for status in handle.progress():
                if status.stage and not status.is_finished:
                    on_step(status.stage, status.step, status.steps)
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
                self._client = Client.connect(self._home, linked_path(self._home), _TIMEOUTS)
            except BridgeError as error:
                raise _unreachable(self._home, self._linked, error) from error
        return self._client

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(BridgeError):
                client.close()


def _pass_on(cancel: threading.Event, finished: threading.Event, handle: JobHandle) -> None:
    while not finished.is_set():
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

"""The operations: what each does to queue, store and engine. Knows typed contents, no frames and no sockets."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from bridge.daemon import validate, views
from bridge.daemon.dispatch import Call, Handler, Peer, Reply
from bridge.daemon.durable.commits import Commits
from bridge.daemon.durable.forgetting import Forgetting
from bridge.daemon.durable.spare_room import SpareRoom
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.hub import Events
from bridge.daemon.known_models import KnownModels
from bridge.daemon.model_choice import ModelChoice
from bridge.daemon.quota import Quota
from bridge.daemon.runner import Runner
from bridge.daemon.settings import Settings
from bridge.daemon.submitting import Submitting
from bridge.daemon.views import Counters
from bridge.files import AudioStore
from bridge.files.store import suffix_of
from bridge.jobs import Job, JobStore
from bridge.protocol import messages as m
from bridge.protocol.errors import refused
from bridge.protocol.frames import MAX_MESSAGE_BYTES, PROTOCOL_VERSION
from bridge.system.own_code import SOFTWARE, own_code
from bridge.system.version import package_version

_MAX_WAIT_SECONDS = 60.0
_MAX_LIST = 500
_MOST_ROWS = 1 << 62
_MAX_CONTROLS_BYTES = 64 * 1024


class Operations:
    """One method an operation."""

    def __init__(self, settings: Settings, store: JobStore, audio: AudioStore, runner: Runner) -> None:
        self._settings = settings
        self._store = store
        self._audio = audio
        self._runner = runner
        self._started, self._started_steady = time.time(), time.monotonic()
        self._hub = runner.hub
        self._controls_sequence = 0
        self._threads = FileThreads()
        self._quota = Quota(store, audio, self._threads, settings.client_quota_bytes)
        spare = SpareRoom(settings.home)
        self._commits = Commits(store, spare)
        self._model_choice = ModelChoice(settings, KnownModels(self._threads, settings.home), self._threads)
        submitting = Submitting(
            settings, store, audio, runner, self._model_choice, self._commits, self._quota, self._threads
        )
        self.forgetting = Forgetting(store, audio, self._commits, spare, submitting.being_submitted)
        self.counters = Counters()
        self.stopping = asyncio.Event()
        self.handlers: dict[str, Handler] = {
            "hello": self._hello,
            "submit": submitting.submit,
            "status": self._status,
            "wait": self._wait,
            "result": self._result,
            "logs": self._logs,
            "cancel": self._cancel,
            "list": self._list,
            "requests": self._requests,
            "delete": self._delete,
            "upload": self._upload,
            "models": self._models,
            "load": self._load,
            "unload": self._unload,
            "controls": self._controls,
            "metrics": self._metrics,
            "shutdown": self._shutdown,
        }

    def warm(self) -> None:
        """Start the engine process and load the default model."""
        self._runner.preload(self._model_choice.default())

    async def _hello(self, request: m.HelloRequest, call: Call) -> Reply:
        if request.warm:
            self.warm()
        return Reply(
            m.HelloReply(
                server="acestep-bridge",
                package_version=package_version(),
                protocol_version=PROTOCOL_VERSION,
                pid=os.getpid(),
                started=self._started,
                home=str(self._settings.home) if call.peer.is_local else "",
                engine=self._runner.describe(),
                engines=self._runner.executor.describe_all(),
                model=self._model_choice.name(),
                queued=self._store.queued(call.peer.owner),
                max_message_bytes=MAX_MESSAGE_BYTES,
                updated=await self._threads.run(own_code().changed),
                software=str(SOFTWARE) if call.peer.is_local else "",
            )
        )

    async def _status(self, request: m.JobRequest, call: Call) -> Reply:
        return Reply(self._view(self._job(request.job_id, call.peer)))

    async def _wait(self, request: m.WaitRequest, call: Call) -> Reply:
        limit = time.monotonic() + min(max(request.timeout_seconds, 0.0), _MAX_WAIT_SECONDS)
        while True:
            view = self._view(self._job(request.job_id, call.peer))
            newer = request.after_sequence is not None and view.sequence > request.after_sequence
            left = limit - time.monotonic()
            if view.is_finished or newer or left <= 0 or self.stopping.is_set():
                return Reply(view)
            await self._hub.wait(request.job_id, left)

    async def _result(self, request: m.ResultRequest, call: Call) -> Reply:
        job = self._job(request.job_id, call.peer)
        reply = views.result(job, call.peer.is_local, request.variation)
        if request.include == "path":
            return Reply(reply)
        hashes = [entry.audio.sha256 for entry in reply.results]
        buffers = [await self._threads.run(self._read, digest) for digest in hashes]
        return Reply(reply, buffers, hashes)

    def _read(self, sha256: str) -> bytes:
        path = self._audio.find(sha256)
        try:
            if path is not None:
                return path.read_bytes()
        except FileNotFoundError:
            pass  # another program, or the user, took it away a moment ago
        except OSError as error:
            got = f"{path}: {error.strerror or error}"
            raise refused("disk_error", None, got, "a file that can be read", "Look at the disk.") from error
        raise refused("unknown_audio", None, sha256, "audio in the store", "Run the job again.")

    async def _logs(self, request: m.LogsRequest, call: Call) -> Reply:
        self._job(request.job_id, call.peer)
        lines = self._store.logs(request.job_id, _row_number(request.after))
        return Reply(m.LogsReply(lines=lines, next=lines[-1].number if lines else request.after))

    async def _cancel(self, request: m.JobRequest, call: Call) -> Reply:
        job = self._job(request.job_id, call.peer)
        if self._runner.progress_of(job.job_id) is not None:
            self._runner.cancel(job)
        elif job.state == "queued":
            self._hub.tell(await self._commits.write_though_full(lambda: self._cancelled(request.job_id)))
        return Reply(self._view(self._job(request.job_id, call.peer)))

    def _cancelled(self, job_id: str) -> Events:
        """Cancel a job that was queued a moment ago; gives what is to be told of it."""
        job = self._store.get(job_id)
        return self._hub.collected(lambda: self._runner.cancel(job)) if job is not None else []

    async def _list(self, request: m.ListRequest, call: Call) -> Reply:
        owner = call.peer.owner
        limit = min(max(request.limit, 0), _MAX_LIST)
        jobs, total = self._store.list(owner, request.state, limit, _row_number(request.offset))
        positions = self._store.positions(jobs, self._runner.turns)
        return Reply(m.ListReply(jobs=[self._view(job, positions.get(job.job_id, 0)) for job in jobs], total=total))

    async def _requests(self, request: m.RequestsRequest, call: Call) -> Reply:
        found: dict[str, dict[str, Any]] = {}
        for job_id in request.job_ids[:_MAX_LIST]:
            job = self._store.get(job_id)
            if job is not None and (call.peer.is_local or job.owner == call.peer.name):
                found[job_id] = views.request(job, call.peer.is_local)
        return Reply(m.RequestsReply(requests=found))

    async def _delete(self, request: m.JobRequest, call: Call) -> Reply:
        job = self._job(request.job_id, call.peer)
        if job.state in ("queued", "running"):
            raise refused("job_active", "job_id", f"a job that is {job.state}", "a finished job", "Cancel it first.")
        await self.forgetting.forget([job.job_id])
        return Reply(m.DeleteReply(deleted=True))

    async def _upload(self, request: m.UploadRequest, call: Call) -> Reply:
        if len(call.attached.buffers) != 1:
            got = f"{len(call.attached.buffers)} buffers"
            raise refused("buffer_mismatch", "$.buffers", got, "exactly one", "Send one file a message.")
        async with self._quota.room(call.peer, call.attached):
            return Reply(await self._uploaded(request, call))

    async def _uploaded(self, request: m.UploadRequest, call: Call) -> m.UploadReply:
        data = call.attached.buffers[0]
        suffix = Path(request.file_name).suffix.lower()
        suffix = suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) < 8 else suffix_of(data)
        digest, path = await self._threads.run(self._audio.put, data, suffix, call.attached.hashes[0])
        try:
            info = await self._threads.run(validate.file_info, path)
        except ValueError:
            if not self._store.is_used(digest):
                self._audio.remove(digest)
            raise
        if not call.peer.is_local:
            await self._commits.write(lambda: self._store.uploaded(call.peer.name, digest))
        size = path.stat().st_size
        return m.UploadReply(sha256=digest, reference=f"sha256:{digest}", size=size, audio=info)

    async def _models(self, request: m.Nothing, call: Call) -> Reply:
        linked = self._model_choice.linked()
        if linked is not None and call.peer.is_local:
            from bridge.client.elsewhere import models_there

            return Reply(await models_there(self._settings.home, linked))
        loaded, default = self._runner.describe().model, self._model_choice.default()
        return Reply(await self._threads.run(views.models, loaded, default, call.peer.is_local))

    async def _load(self, request: m.LoadRequest, call: Call) -> Reply:
        self._runner.preload(await self._model_choice.checked(request.model, call.peer))
        await asyncio.sleep(0.01)
        return Reply(self._runner.describe())

    async def _unload(self, request: m.ChangeRequest, call: Call) -> Reply:
        call.peer.check_right("unload", "Unload on its machine")
        self._runner.unload()
        return Reply(self._runner.describe())

    async def _controls(self, request: m.ControlsRequest, call: Call) -> Reply:
        if request.action == "set":
            call.peer.check_right("controls", "Set controls on its machine")
            merged = {**self._store.controls(), **request.values}
            size = len(msgspec.json.encode(merged))
            if size > _MAX_CONTROLS_BYTES:
                expected = f"at most {_MAX_CONTROLS_BYTES} bytes of controls"
                raise refused("invalid_request", "values", f"{size} bytes", expected, "Keep the rest on your side.")
            await self._commits.write(lambda: self._store.set_controls(request.values))
            self._controls_sequence += 1
            self._hub.controls_changed(self._controls_sequence)
        return Reply(m.ControlsReply(values=self._store.controls(), sequence=self._controls_sequence))

    async def _metrics(self, request: m.Nothing, call: Call) -> Reply:
        if not call.peer.is_local:
            uptime = time.monotonic() - self._started_steady
            counts = self._store.counts(call.peer.name)
            return Reply(views.metrics_of_client(counts, uptime, self._runner.restarts))
        files, size = await self._threads.run(self._audio.size)
        return Reply(
            m.MetricsReply(
                uptime_seconds=time.monotonic() - self._started_steady,
                jobs=self._store.counts(),
                messages_received=self.counters.messages_received,
                rejected_signatures=self.counters.rejected_signatures,
                rejected_messages=self.counters.rejected_messages,
                events_sent=self.counters.events_sent,
                engine_restarts=self._runner.restarts,
                audio_bytes=size,
                audio_files=files,
            )
        )

    async def _shutdown(self, request: m.ChangeRequest, call: Call) -> Reply:
        call.peer.check_right("shutdown", "Stop the daemon on its machine")
        asyncio.get_running_loop().call_later(0.05, self.stopping.set)
        return Reply(m.ShutdownReply(stopping=True))

    def _job(self, job_id: str, peer: Peer) -> Job:
        job = self._store.get(job_id)
        if job is None or not (peer.is_local or job.owner == peer.name):
            raise views.unknown_job(job_id)
        return job

    def _view(self, job: Job, position: int | None = None) -> m.JobStatus:
        place = self._store.position(job, self._runner.turns) if position is None else position
        return views.status(job, place, self._runner.progress_of(job.job_id))


def _row_number(asked: int) -> int:
    """A number of rows as SQLite can hold it."""
    return min(max(asked, 0), _MOST_ROWS)


__all__ = ["Counters", "Operations"]

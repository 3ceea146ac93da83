"""The operations: what each does to queue, store and engine. Knows typed contents, no frames and no sockets."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from bridge.daemon import validate, views
from bridge.daemon.dispatch import Call, Handler, Peer, Reply
from bridge.daemon.durable.commits import Commits
from bridge.daemon.durable.forgetting import Forgetting
from bridge.daemon.durable.spare_room import SpareRoom
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.hub import Events
from bridge.daemon.known_models import KnownModels
from bridge.daemon.links import check_no_circle
from bridge.daemon.new_job import Sources, job_for
from bridge.daemon.quota import Quota
from bridge.daemon.runner import Runner
from bridge.daemon.settings import Settings
from bridge.daemon.views import Counters
from bridge.files import AudioStore, locate
from bridge.files.effect_presets import preset_folder, with_presets
from bridge.files.roots import check_loras, check_model
from bridge.files.sources import unknown_audio
from bridge.files.store import suffix_of
from bridge.jobs import Job, JobStore
from bridge.protocol import messages as m
from bridge.protocol.errors import refused
from bridge.protocol.frames import MAX_MESSAGE_BYTES, PROTOCOL_VERSION
from bridge.protocol.linked import Linked, read_linked
from bridge.system.version import package_version
from engine.families.facts import Facts, check_request
from engine.requests import Request, from_dict
from engine.requests.fields import audio_fields

_MAX_WAIT_SECONDS = 60.0
_MAX_LIST = 500
_MOST_ROWS = 1 << 62
_MAX_CONTROLS_BYTES = 64 * 1024
_NOT_RENDERED = ("priority", "request_id", "client_data")


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
        self._models_here = KnownModels(self._threads)
        self._being_submitted: Counter[str] = Counter()  # hashes of audio, by requests under way
        self.forgetting = Forgetting(store, audio, self._commits, spare, self._being_submitted)
        self.counters = Counters()
        self.stopping = asyncio.Event()
        self.handlers: dict[str, Handler] = {
            "hello": self._hello,
            "submit": self._submit,
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
        self._runner.preload(self._default_model())

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
                model=self._model_name(),
                queued=self._store.queued(call.peer.owner),
                max_message_bytes=MAX_MESSAGE_BYTES,
            )
        )

    async def _submit(self, content: m.SubmitRequest, call: Call) -> Reply:
        values = dict(content.request)
        for name in _NOT_RENDERED:
            given = getattr(content, name)
            if given is not None:
                values[name] = given
        request = from_dict(values)
        linked = self._linked()  # the machine that renders then has its own presets, plug-ins and LoRAs
        check_no_circle(linked, _given(request.client_data, {}))
        if linked is None and request.effects is not UNSET:
            folder = preset_folder(self._settings.home)
            request = await self._threads.run(with_presets, request, folder, call.peer.is_local)
        if not call.peer.is_local and request.lora is not UNSET:
            await self._threads.run(check_loras, request, self._settings.allowed_roots)
        model = await self._checked_model(_given(request.model, ""), call.peer)
        if linked is None and request.lora is not UNSET:
            await self._threads.run(validate.check_loras, request)
        if linked is None and validate.has_many_words(request):
            await self._threads.run(validate.check_lyrics, request, model)
        facts = await self._models_here.facts_of(model)
        audio = [getattr(request, field) for field in audio_fields(type(request))]
        async with self._quota.room(call.peer, call.attached, audio):
            return await self._queue(request, model, facts, call)

    async def _queue(self, request: Request, model: str, facts: Facts, call: Call) -> Reply:
        sources = await self._sources(request, model, facts, call)
        try:
            job = job_for(request, model, call.peer, sources)
            status = await self._commits.write(
                lambda: self._keep(job, sources, call), then=lambda: self._hub.job_changed(job, 0)
            )
        finally:
            self._let_go(sources)
            self._runner.wake()
        return Reply(status)

    def _keep(self, job: Job, sources: Sources, call: Call) -> m.JobStatus:
        """Keep a job, its audio and the answer to whoever asked for it: all in one change."""
        self._store.add(job)
        for source in sources.values():
            if source.sha256:
                self._store.use(job.job_id, source.sha256)
                if source.came_along and not call.peer.is_local:
                    self._store.uploaded(call.peer.name, source.sha256)
        self._store.log(job.job_id, "info", "queued")
        status = views.status(job, self._store.position(job, self._runner.turns), None)
        call.remember(status)
        return status

    async def _sources(self, request: Request, model: str, facts: Facts, call: Call) -> Sources:
        """The files of the fields that hold audio, by name, checked."""
        peer = call.peer
        check_request(request, facts)
        roots = None if peer.is_local else self._settings.allowed_roots
        sources: Sources = {}
        try:
            for field in audio_fields(type(request)):
                audio = getattr(request, field)
                if audio is UNSET:
                    continue
                if not peer.is_local and isinstance(audio, str) and audio.startswith("sha256:"):
                    self._check_known(audio, peer, field)
                sources[field] = await self._threads.run(
                    locate, audio, self._audio, call.attached, roots, self._settings.urls, field=field
                )
                self._being_submitted[sources[field].sha256 or ""] += 1
            await self._check(request, sources, model, facts)
        except BaseException:
            self._let_go(sources)
            raise
        return sources

    async def _check(self, request: Request, sources: Sources, model: str, facts: Facts) -> None:
        if "audio" in sources:
            await self._threads.run(validate.check_source, request, sources["audio"].path, facts)
        else:
            await self._models_here.get_ready()
            self._models_here.check_memory(request, model, facts)
        if "reference_audio" in sources:
            await self._threads.run(validate.check_clip, sources["reference_audio"].path)

    def _check_known(self, audio: str, peer: Peer, field: str) -> None:
        """Raises UnknownThing (unknown_audio) for audio of others, with the words for audio that is not there."""
        if not self._store.knows(peer.name, audio.removeprefix("sha256:").lower()):
            raise unknown_audio(audio, field)

    def _let_go(self, sources: Sources) -> None:
        """A submit is over. Audio that came with a request which was refused does not stay."""
        for source in sources.values():
            digest = source.sha256 or ""
            self._being_submitted[digest] -= 1
            if self._being_submitted[digest] <= 0:
                del self._being_submitted[digest]
                if digest and source.came_along and not self._store.is_used(digest):
                    self._audio.remove(digest)

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
        if path is None:
            raise refused("unknown_audio", None, sha256, "audio in the store", "Run the job again.")
        return path.read_bytes()

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
        linked = self._linked()
        if linked is not None and call.peer.is_local:
            from bridge.client.elsewhere import models_there

            return Reply(await models_there(self._settings.home, linked))
        loaded, default = self._runner.describe().model, self._default_model()
        return Reply(await self._threads.run(views.models, loaded, default, call.peer.is_local))

    async def _load(self, request: m.LoadRequest, call: Call) -> Reply:
        self._runner.preload(await self._checked_model(request.model, call.peer))
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

    def _linked(self) -> Linked | None:
        return read_linked(self._settings.home)

    def _default_model(self) -> str:
        if self._settings.model:
            return self._settings.model
        linked = self._linked()
        return linked.model.name if linked else self._models_here.default()

    def _model_name(self) -> m.ModelName:
        linked = self._linked()
        return linked.model if linked and not self._settings.model else views.model_name(self._default_model())

    async def _checked_model(self, name: str, peer: Peer) -> str:
        """The name, "" for the default; another machine knows its own models. Raises UnknownThing, InvalidField."""
        if not name or name == Path(self._default_model()).name:
            return self._default_model()
        if not peer.is_local:
            await self._threads.run(check_model, name, self._settings.allowed_roots)
        if self._linked():
            return name
        return await self._models_here.check(name, self._settings.home if peer.is_local else None)


def _row_number(asked: int) -> int:
    """A number of rows as SQLite can hold it."""
    return min(max(asked, 0), _MOST_ROWS)


def _given(value: Any, default: Any) -> Any:
    return default if value is UNSET else value


__all__ = ["Counters", "Operations"]

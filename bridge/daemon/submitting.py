"""Submitting: from a request's values to a job that is kept. Knows typed contents, no frames and no sockets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import UNSET

from bridge.daemon import validate, views
from bridge.daemon.dispatch import Call, Peer, Reply
from bridge.daemon.durable.commits import Commits
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.links import check_no_circle
from bridge.daemon.model_choice import ModelChoice
from bridge.daemon.new_job import Sources, job_for
from bridge.daemon.quota import Quota
from bridge.daemon.runner import Runner
from bridge.daemon.settings import Settings
from bridge.files import AudioStore, locate
from bridge.files.effect_presets import preset_folder, with_presets
from bridge.files.roots import check_loras
from bridge.files.sources import unknown_audio
from bridge.jobs import Job, JobStore
from bridge.protocol import messages as m
from engine.families.facts import Facts, check_request
from engine.requests import Request, from_dict
from engine.requests.fields import audio_fields

_NOT_RENDERED = ("priority", "request_id", "client_data")


class Submitting:
    """Checks what can be checked before the work, then keeps the job. `being_submitted` counts the requests under way
    by the hashes of their audio.
    """

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        audio: AudioStore,
        runner: Runner,
        models: ModelChoice,
        commits: Commits,
        quota: Quota,
        threads: FileThreads,
    ) -> None:
        self._settings, self._store, self._audio, self._runner = settings, store, audio, runner
        self._models, self._commits, self._quota, self._threads = models, commits, quota, threads
        self._hub = runner.hub
        self.being_submitted: Counter[str] = Counter()

    async def submit(self, content: m.SubmitRequest, call: Call) -> Reply:
        """The operation: answers with the job's status once it is on the disk."""
        values = dict(content.request)
        for name in _NOT_RENDERED:
            given = getattr(content, name)
            if given is not None:
                values[name] = given
        request = from_dict(values)
        linked = self._models.linked()  # the machine that renders then has its own presets, plug-ins and LoRAs
        check_no_circle(linked, _given(request.client_data, {}))
        if linked is None and request.effects is not UNSET:
            folder = preset_folder(self._settings.home)
            request = await self._threads.run(with_presets, request, folder, call.peer.is_local)
        if not call.peer.is_local and request.lora is not UNSET:
            await self._threads.run(check_loras, request, self._settings.allowed_roots)
        model = await self._models.checked(_given(request.model, ""), call.peer)
        if linked is None and request.lora is not UNSET:
            await self._threads.run(validate.check_loras, request)
        if linked is None and validate.has_many_words(request):
            await self._threads.run(validate.check_lyrics, request, model)
        facts = await self._models.known.facts_of(model)
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
                self.being_submitted[sources[field].sha256 or ""] += 1
            await self._check(request, sources, model, facts)
        except BaseException:
            self._let_go(sources)
            raise
        return sources

    async def _check(self, request: Request, sources: Sources, model: str, facts: Facts) -> None:
        if "audio" in sources:
            room = self._models.known.room()
            await self._threads.run(validate.check_source, request, sources["audio"].path, facts, room)
        else:
            await self._models.known.get_ready()
            self._models.known.check_memory(request, model, facts)
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
            self.being_submitted[digest] -= 1
            if self.being_submitted[digest] <= 0:
                del self.being_submitted[digest]
                if digest and source.came_along and not self._store.is_used(digest):
                    self._audio.remove(digest)


def _given(value: Any, default: Any) -> Any:
    return default if value is UNSET else value

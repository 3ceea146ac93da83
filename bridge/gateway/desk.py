"""Calls and their jobs: each call becomes one job, however often it is sent. Knows daemon and ledger, no HTTP.

Official clients send a POST again when its connection broke, with nothing that tells it from a new one. So a call
whose answer did not arrive waits a while (`join_seconds`): the same input, sent again, takes its place; else a `run`
is cancelled. Two callers that both wait are two calls, as two takes without a seed have to be.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.files import Attached, locate
from bridge.files.effect_presets import check_no_paths
from bridge.files.roots import check_loras, check_model
from bridge.gateway import answers
from bridge.gateway.daemon_line import DaemonLine
from bridge.gateway.gateway_settings import GatewaySettings
from bridge.gateway.hosting import Hosting, file_url
from bridge.gateway.inputs import BadInput, given, problem, problem_of
from bridge.gateway.ledger import CallRow, DeliveryRow, Ledger
from bridge.gateway.secret_files import Secrets
from bridge.gateway.status_memory import StatusMemory
from bridge.gateway.webhooks import Postman, webhook_body
from bridge.protocol import messages as m
from bridge.protocol.errors import BridgeError, DaemonLost, DaemonNotRunning, RequestFailed, UnknownThing
from engine.requests import Request, to_dict
from engine.requests.fields import audio_fields

_WAIT_SECONDS = 50.0
_TWIN_SECONDS = 0.05  # until a caller that has hung up is known to have
_AGAIN_SECONDS = 1.0
_STORED = ("sha256:", "http://", "https://")


@dataclass(frozen=True)
class Wish:
    """A call as it came: what is to be rendered, and the circumstances. `raw` is its input, to know a repeat by."""

    endpoint: str
    kind: str
    request: Request
    raw: bytes
    base: str
    client_key: str = ""
    priority: int | None = None
    start_seconds: float = 0.0
    webhook: str = ""
    keep_seconds: float = 0.0
    hosts: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """Equal for the same call, sent again."""
        head = "\n".join((self.endpoint, self.kind, self.webhook, self.client_key)).encode()
        return hashlib.sha256(head + b"\n" + self.raw).hexdigest()


class Desk:
    """Takes calls, follows their jobs, cancels what nobody waits for, and writes webhooks."""

    def __init__(
        self,
        settings: GatewaySettings,
        ledger: Ledger,
        line: DaemonLine,
        hosting: Hosting,
        secrets: Secrets,
        postman: Postman,
    ) -> None:
        self._settings, self._ledger, self.line, self._hosting = settings, ledger, line, hosting
        self._secrets, self._postman = secrets, postman
        self._statuses = StatusMemory(line)
        self._callers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # on the line; set: has hung up
        self._dropped: dict[str, float] = {}  # request id -> until when a repeat is waited for
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Take up what was there before a restart."""
        for call in self._ledger.unanswered():
            self._drop(call)
        for call in self._ledger.calls_to_start():
            self._go(self._see_that_it_starts(call))
        for call in self._ledger.calls_with_webhook():
            self._go(self._follow(call))
        self._postman.start()

    async def stop(self) -> None:
        """End what goes on here; jobs go on, and the ledger knows them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._statuses.stop()
        await self._postman.stop()

    def _go(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # taking calls

    @contextlib.asynccontextmanager
    async def taken(self, wish: Wish, gone: asyncio.Event) -> AsyncIterator[tuple[CallRow, m.JobStatus]]:
        """The call's row and its job, new or that of the same call sent before, while its caller waits for the answer.

        `gone` is set when the caller has hung up. Without `answered` inside, the call counts as dropped afterwards.
        Raises BadInput, BridgeError.
        """
        before = await self._same_call(wish)
        call = before or self._new_row(wish)
        self._dropped.pop(call.request_id, None)
        self._callers[call.request_id].add(gone)
        try:
            if before is None:
                self._ledger.keep(call)
            call, job = await self._job_of(call, wish)
            yield call, job
        finally:
            self._leave(call, gone)

    async def _job_of(self, call: CallRow, wish: Wish) -> tuple[CallRow, m.JobStatus]:
        if call.job_id:
            return call, await self.status(call)
        try:
            job = await self._submit(call, wish)
        except Exception:
            self._ledger.forget_call(call.request_id)
            raise
        call = msgspec.structs.replace(call, job_id=job.job_id)
        self._ledger.keep(call)
        if call.start_by:
            self._go(self._see_that_it_starts(call))
        if call.webhook:
            self._go(self._follow(call))
        return call, job

    def _new_row(self, wish: Wish) -> CallRow:
        now = time.time()
        return CallRow(
            request_id=str(uuid.uuid4()),
            endpoint=wish.endpoint,
            kind=wish.kind,
            digest=wish.digest,
            client_key=wish.client_key,
            created=now,
            base=wish.base,
            webhook=wish.webhook,
            start_by=now + wish.start_seconds if wish.start_seconds else 0.0,
            keep_seconds=wish.keep_seconds,
        )

    async def _same_call(self, wish: Wish) -> CallRow | None:
        """The call that this one repeats: by the key that its client chose, or one that was dropped just now."""
        if wish.client_key and (known := self._ledger.call_of(wish.client_key)):
            if known.digest != wish.digest:
                text = "request_id: got an id that another call has, expected a new one. Give each call its own."
                raise BadInput([problem(["body", "request_id"], text, "value_error")])
            return known
        if self._ledger.unanswered(wish.digest):
            await asyncio.sleep(_TWIN_SECONDS)
        twins = self._ledger.unanswered(wish.digest)
        return next((twin for twin in twins if self._is_left(twin.request_id)), None)

    def _is_left(self, request_id: str) -> bool:
        """Whether nobody is on the line for a call whose answer did not arrive."""
        return all(gone.is_set() for gone in self._callers.get(request_id, ()))

    async def _submit(self, call: CallRow, wish: Wish) -> m.JobStatus:
        named = {name: given(wish.request, name) for name in audio_fields(type(wish.request))}
        hosted = {n: self._hosting.reference_of(str(a), wish.hosts) for n, a in named.items() if a is not None}
        values = to_dict(await asyncio.to_thread(self._with_audio_here, wish.request, hosted))
        own = values.pop("client_data", None) or {}
        data = {**own, "http": {"request_id": call.request_id, "endpoint": call.endpoint}}
        values.pop("request_id", None)
        priority = wish.priority if given(wish.request, "priority") is None else None
        name = f"http-{call.request_id}"
        try:
            job = await self.line.ask(lambda client: client.submit(values, data, name, priority))
        except RequestFailed as error:
            if error.field is None and error.code != "invalid_request":
                raise
            raise BadInput([_public(problem_of(error.error, values.get("audio")))]) from error
        return job.submitted

    def _with_audio_here(self, request: Request, hosted: Mapping[str, str | None]) -> Request:
        """The request with audio as a hash of the store or a URL, and no file outside of the allowed folders."""
        roots = self._settings.roots
        try:
            check_loras(request, roots)
            check_model(given(request, "model") or "nano", roots)
            check_no_paths(given(request, "effects") or ())
            for name, reference in hosted.items():
                here = reference or self._audio(str(given(request, name)), name)
                request = msgspec.structs.replace(request, **{name: here})
        except RequestFailed as error:
            raise BadInput([_public(problem_of(error.error, given(request, "audio")))]) from error
        return request

    def _audio(self, audio: str, field: str) -> str:
        if audio.startswith(_STORED):
            return audio
        path = audio.removeprefix("file://") if audio.startswith("file:///") else audio
        source = locate(path, self._hosting.store, Attached(), self._settings.roots, field=field)
        return f"sha256:{source.sha256}" if source.sha256 else str(source.path)

    # callers on the line

    def _leave(self, call: CallRow, gone: asyncio.Event) -> None:
        callers = self._callers[call.request_id]
        callers.discard(gone)
        if callers:
            return
        del self._callers[call.request_id]
        known = self._ledger.call(call.request_id)
        if known is not None and not known.answered:
            self._drop(known)

    def answered(self, call: CallRow) -> None:
        """The answer is on its way to the caller: the same input is a new call from now on."""
        known = self._ledger.call(call.request_id)
        if known is not None and not known.answered:
            self._ledger.keep(msgspec.structs.replace(known, answered=True))

    def _drop(self, call: CallRow) -> None:
        self._dropped[call.request_id] = time.monotonic() + self._settings.join_seconds
        self._go(self._cancel_unless_joined(call))

    async def _cancel_unless_joined(self, call: CallRow) -> None:
        until = self._dropped[call.request_id]
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        if self._dropped.get(call.request_id) != until:
            return
        del self._dropped[call.request_id]
        self.answered(call)
        if call.kind == "run" and call.job_id:
            with contextlib.suppress(BridgeError):
                await self.line.ask(lambda client: client.cancel(call.job_id), starts=False)

    # following jobs

    def call(self, request_id: str) -> CallRow | None:
        """A call by its id; None where there is none."""
        return self._ledger.call(request_id) if len(request_id) <= 64 else None

    async def status(self, call: CallRow, fresh: bool = False) -> m.JobStatus:
        """The call's job as it is; not `fresh`: as its last event left it. Raises UnknownThing for one that is gone."""
        if not call.job_id:
            raise UnknownThing(_gone())
        return await (self._statuses.fresh if fresh else self._statuses.status)(call.job_id)

    async def changed(self, call: CallRow, after: int, seconds: float) -> m.JobStatus:
        """The job as soon as it has changed or is finished, or when the time is over."""
        return await self._statuses.changed(call.job_id, after, seconds)

    async def finished(self, call: CallRow) -> m.JobStatus:
        """The job when it is finished."""
        job = await self.status(call)
        while not job.is_finished:
            job = await self.changed(call, job.sequence, _WAIT_SECONDS)
        return job

    async def logs(self, call: CallRow, after: int = 0) -> m.LogsReply:
        """The job's log."""
        return await self._statuses.logs(call.job_id, after)

    async def cancel(self, call: CallRow) -> m.JobStatus:
        """Cancel the job."""
        return self._statuses.keep(await self.line.ask(lambda client: client.cancel(call.job_id)))

    async def queued(self) -> int:
        """How many jobs wait."""
        return (await self.line.ask(lambda client: client.hello())).queued

    async def outcome(self, call: CallRow, job: m.JobStatus, base: str) -> tuple[int, Any, dict[str, str]]:
        """Status code, body and headers for a call whose job is finished."""
        call = self._ledger.call(call.request_id) or call
        if job.state != "completed":
            return answers.failed(call, job)
        result = await self.line.ask(lambda client: client.result(call.job_id, "path"))
        return 200, answers.output(result.reply, lambda index, audio: self._host(call, base, index, audio)), {}

    def _host(self, call: CallRow, base: str, index: int, audio: m.AudioFile) -> str:
        """The address of a result: the same one each time, and none that could be guessed."""
        name = f"result {call.request_id} {index} {audio.sha256}".encode()
        token = hmac.new(self._secrets.signing, name, hashlib.sha256).hexdigest()[:48]
        self._hosting.host_result(token, audio, call.request_id, call.keep_seconds)
        return file_url(base, token, audio.file_name)

    async def changes(self, call: CallRow, ping_seconds: float) -> AsyncIterator[m.JobStatus | None]:
        """The job at each change until it is finished; None when nothing happened for a while."""
        after: int | None = None
        while True:
            job = await (self.status(call) if after is None else self.changed(call, after, ping_seconds))
            yield None if job.sequence == after and not job.is_finished else job
            if job.is_finished:
                return
            after = job.sequence

    async def _see_that_it_starts(self, call: CallRow) -> None:
        await asyncio.sleep(max(0.0, call.start_by - time.time()))
        with contextlib.suppress(BridgeError):
            if (await self.status(call, fresh=True)).state == "queued":
                known = self._ledger.call(call.request_id) or call
                self._ledger.keep(msgspec.structs.replace(known, outcome=answers.TIMED_OUT))
                await self.cancel(call)

    async def _follow(self, call: CallRow) -> None:
        """Wait for the job, over restarts of the daemon, and hand its webhook over."""
        while True:
            try:
                job = await self.line.ask(lambda client: client.wait_once(call.job_id, _WAIT_SECONDS), starts=False)
                if job.is_finished:
                    code, payload, _ = await self.outcome(call, job, call.base)
                    break
            except UnknownThing:
                code, payload = 404, {"status": "NOT_FOUND"}
                break
            except (DaemonLost, DaemonNotRunning):
                await asyncio.sleep(_AGAIN_SECONDS)
        body = webhook_body(call.request_id, code, payload)
        self._postman.deliver(DeliveryRow(request_id=call.request_id, url=call.webhook, body=body))


def _public(entry: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = answers.without_paths(entry)
    return fields


def _gone() -> Any:
    from bridge.protocol.errors import ErrorContent

    return ErrorContent(code="unknown_job", message="The job of this call is not there.")

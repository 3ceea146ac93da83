"""The endpoints that call: run, submit, status, stream, result, cancel. Knows HTTP and the desk, no daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge.gateway import answers
from bridge.gateway.desk import Desk, Wish
from bridge.gateway.endpoint_ids import APP, task_of
from bridge.gateway.gateway_settings import GatewaySettings
from bridge.gateway.inputs import BadInput, given, problem, read_input
from bridge.gateway.ledger import CallRow
from bridge.gateway.reading_bodies import base_of, keep_seconds_of, read_body
from bridge.gateway.webhooks import check_webhook
from bridge.protocol import messages as m

PING_SECONDS = 15.0
_PRIORITIES = {"normal": 0, "low": -10}
_LOW_STATUS = 202
_MOST_TOLD = 500


class AsciiJson(JSONResponse):
    """JSON in ASCII: official clients decode a stream piece by piece, where a letter of two bytes may be cut."""

    def render(self, content: Any) -> bytes:
        return ascii_json(content).encode("ascii")


def ascii_json(content: Any) -> str:
    """One line of JSON."""
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


class Calling:
    """The handlers."""

    def __init__(self, desk: Desk, settings: GatewaySettings, hosts: frozenset[str]) -> None:
        self._desk, self._settings, self._hosts = desk, settings, hosts
        self._told: OrderedDict[tuple[Any, ...], tuple[Any, bytes]] = OrderedDict()

    def routes(self) -> list[Route]:
        """With and without the sub path, which some write and most leave out; what is asked most comes first."""
        routes: list[Route] = []
        for app in (f"/queue/{APP}", f"/queue/{APP}/{{part}}"):
            base = f"{app}/requests/{{request_id}}"
            for end in ("", "/"):
                routes += [
                    Route(f"{base}/status{end}", self._status, methods=["GET"]),
                    Route(f"{base}/status/stream{end}", self._status_stream, methods=["GET"]),
                    Route(f"{base}/cancel{end}", self._cancel, methods=["PUT"]),
                    Route(f"{base}/response{end}", self._result, methods=["GET"]),
                    Route(f"{base}{end}", self._result, methods=["GET"]),
                ]
        return [
            *routes,
            Route("/queue/{endpoint:path}", self._submit, methods=["POST"]),
            Route("/run/{endpoint:path}/stream", self._no_stream, methods=["POST"]),
            Route("/run/{endpoint:path}", self._run, methods=["POST"]),
        ]

    async def _wish(self, request: Request, kind: str) -> Wish | Response:
        endpoint = request.path_params["endpoint"].strip("/")
        task = task_of(endpoint)
        if task is None:
            return unknown_endpoint(endpoint)
        raw = await read_body(request, self._settings.max_input_bytes)
        wanted = read_input(task, decoded(raw))
        webhook = request.query_params.get("fal_webhook", "") if kind == "submit" else ""
        if webhook:
            await asyncio.to_thread(check_webhook, webhook, self._settings.webhook_hosts)
        key = request.headers.get("idempotency-key", "") or str(given(wanted, "request_id") or "")
        return Wish(
            endpoint=endpoint,
            kind=kind,
            request=wanted,
            raw=raw,
            base=base_of(request),
            client_key=key[:200],
            priority=_PRIORITIES.get(request.headers.get("x-fal-queue-priority", "").lower()),
            start_seconds=_start_seconds(request),
            webhook=webhook,
            keep_seconds=keep_seconds_of(request, "x-fal-object-lifecycle-preference"),
            hosts=self._hosts,
        )

    async def _run(self, request: Request) -> Response:
        wish = await self._wish(request, "run")
        if isinstance(wish, Response):
            return wish
        async with _listening(request) as gone, self._desk.taken(wish, gone) as (call, _):
            job = await _unless_gone(gone, self._desk.finished(call))
            if job is None:
                return Response(status_code=499)
            code, body, headers = await self._desk.outcome(call, job, wish.base)
            self._desk.answered(call)
        return AsciiJson(body, code, {**headers, "x-fal-request-id": call.request_id})

    async def _submit(self, request: Request) -> Response:
        full = await self._queue_is_full(request)
        wish = full or await self._wish(request, "submit")
        if isinstance(wish, Response):
            return wish
        async with _listening(request) as gone, self._desk.taken(wish, gone) as (call, job):
            if gone.is_set():
                return Response(status_code=499)
            self._desk.answered(call)
        answer = answers.submitted(wish.base, call.request_id, job)
        return AsciiJson(answer, 200, {"x-fal-request-id": call.request_id})

    async def _queue_is_full(self, request: Request) -> Response | None:
        longest = request.query_params.get("fal_max_queue_length", "")
        if not (longest.isascii() and longest.isdigit()) or await self._desk.queued() < int(longest[:9]):
            return None
        text = f"fal_max_queue_length: {longest} jobs or more wait. Send it again later."
        return AsciiJson({"detail": text, "error_type": "queue_full"}, 429)

    async def _status(self, request: Request) -> Response:
        call = self._call(request)
        if call is None:
            return not_found()
        job = await self._desk.status(call)
        logs = await self._desk.logs(call) if _wants_logs(request) else None
        body = self._status_body(base_of(request), call, job, logs, 0)
        headers = {"x-fal-request-id": call.request_id}
        return Response(body, 200 if job.is_finished else 202, headers, media_type="application/json")

    def _status_body(self, base: str, call: CallRow, job: m.JobStatus, logs: m.LogsReply | None, after: int) -> bytes:
        """The JSON of a status, made once for all who ask; `logs` those above the number `after`."""
        call = self._desk.call(call.request_id) or call
        key = (call.request_id, base, after if logs else None)
        made_of = (job, call.outcome, logs.next if logs else None)
        known = self._told.get(key)
        if known is not None and known[0] == made_of:
            return known[1]
        answer = answers.status(base, call, job, logs.lines if logs else None)
        body = ascii_json(answer).encode("ascii")
        self._told[key] = made_of, body
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return body

    async def _status_stream(self, request: Request) -> Response:
        call = self._call(request)
        if call is None:
            return not_found()
        await self._desk.status(call)
        events = self._events(call, base_of(request), _wants_logs(request))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-fal-request-id": call.request_id}
        return StreamingResponse(events, 200, headers, media_type="text/event-stream")

    async def _events(self, call: CallRow, base: str, with_logs: bool) -> AsyncIterator[bytes]:
        """Each event has the log lines that are new, since clients put them one after the other."""
        seen = 0
        async for job in self._desk.changes(call, PING_SECONDS):
            if job is None:
                yield b": waiting\n\n"
                continue
            new = await self._desk.logs(call, seen) if with_logs else None
            yield b"data: %b\n\n" % self._status_body(base, call, job, new, seen)
            seen = new.next if new else seen

    async def _result(self, request: Request) -> Response:
        call = self._call(request)
        if call is None:
            return not_found()
        job = await self._desk.status(call, fresh=True)
        if not job.is_finished:
            text = {"detail": "Request is still in progress", "error_type": "bad_request"}
            return AsciiJson(text, 400, {"x-fal-request-id": call.request_id})
        code, body, headers = await self._desk.outcome(call, job, base_of(request))
        return AsciiJson(body, code, {**headers, "x-fal-request-id": call.request_id})

    async def _cancel(self, request: Request) -> Response:
        call = self._call(request)
        if call is None:
            return not_found()
        if (await self._desk.status(call, fresh=True)).is_finished:
            return AsciiJson({"status": "ALREADY_COMPLETED"}, 400)
        await self._desk.cancel(call)
        return AsciiJson({"status": "CANCELLATION_REQUESTED"}, _LOW_STATUS)

    def _call(self, request: Request) -> CallRow | None:
        part = request.path_params.get("part")
        if part is not None and task_of(f"{APP}/{part}") is None:
            return None
        return self._desk.call(request.path_params["request_id"])

    async def _no_stream(self, request: Request) -> Response:
        text = "This gateway streams the status of queued calls, not outputs: fal.subscribe(..., {mode: 'streaming'})."
        return AsciiJson({"detail": text, "error_type": "not_found"}, 404)


def decoded(raw: bytes) -> Any:
    """A JSON body. Raises BadInput."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = f"The body: got no JSON ({error}), expected a JSON object with the fields."
        raise BadInput([problem(["body"], text, "json_invalid")]) from error


def unknown_endpoint(endpoint: str) -> Response:
    """404 for an id that is not here."""
    from bridge.gateway.endpoint_ids import DOCUMENTED

    text = f"got the endpoint {endpoint[:100]!r}, expected one of {', '.join(DOCUMENTED)}."
    return AsciiJson({"detail": text, "error_type": "not_found"}, 404)


def not_found() -> Response:
    """404 for a call that is not here."""
    return AsciiJson({"status": "NOT_FOUND", "detail": "No call of this id is here; `jobs list` shows all jobs."}, 404)


def _wants_logs(request: Request) -> bool:
    return request.query_params.get("logs", "").lower() in ("1", "true")


def _start_seconds(request: Request) -> float:
    """The time that a call gives itself to be started; 0 where it gives none. Raises BadInput."""
    text = request.headers.get("x-fal-request-timeout", "")
    if not text:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e8:
        message = f"x-fal-request-timeout: got {text[:40]!r}, expected seconds above 0."
        raise BadInput([problem(["header", "x-fal-request-timeout"], message, "float_parsing", input=text[:40])])
    return seconds


@contextlib.asynccontextmanager
async def _listening(request: Request) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the caller hangs up; the body must have been read."""
    gone = asyncio.Event()
    task = asyncio.create_task(_hung_up(request, gone))
    try:
        yield gone
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _hung_up(request: Request, gone: asyncio.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _unless_gone(gone: asyncio.Event, work: Any) -> Any:
    """What `work` gives; None when the caller has hung up before."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(gone.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() and not gone.is_set() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

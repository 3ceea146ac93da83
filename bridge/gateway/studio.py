"""The page's own endpoints under `/studio/`: jobs, takes, recipes, presets, models, logs, and what happens as it does.

They carry the key as all others do. Rendering, cancelling an own call and uploading go by the public endpoints. Knows
HTTP and the catalogue.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bridge.files import dragged
from bridge.gateway.answers import log_entry, without_paths
from bridge.gateway.calling import PING_SECONDS, AsciiJson, ascii_json, decoded
from bridge.gateway.catalogue import Catalogue
from bridge.gateway.copies_here import CopiesHere, show_file
from bridge.gateway.daemon_line import DaemonLine
from bridge.gateway.file_answers import FileAnswer
from bridge.gateway.form_fields import forms
from bridge.gateway.hosting import Hosting
from bridge.gateway.inputs import BadInput, problem
from bridge.gateway.ledger import Ledger, MarkRow
from bridge.gateway.live_events import LiveEvents
from bridge.gateway.reading_bodies import base_of, read_body
from bridge.gateway.secret_files import Secrets
from bridge.gateway.sound_facts import CONTENT_TYPES, converted, sound_facts
from bridge.osc.controls.presets import BadPreset, Presets
from bridge.protocol import messages as m
from bridge.protocol.errors import ErrorContent, UnknownThing
from engine.errors import InvalidRequest

_MOST_JSON_BYTES = 1 << 20
_MOST_JOBS = 500
_MARKS = ("kept", "rejected", "")


class Studio:
    """The handlers."""

    def __init__(
        self, line: DaemonLine, hosting: Hosting, ledger: Ledger, catalogue: Catalogue, secrets: Secrets, home: Path
    ) -> None:
        self._line, self._hosting, self._ledger, self._catalogue = line, hosting, ledger, catalogue
        self._copies = CopiesHere(home / dragged.FOLDER, secrets)
        self._presets = Presets(home / "presets")
        self.live = LiveEvents(line, catalogue.job_or_none)

    def routes(self) -> list[Route]:
        """All under /studio."""
        job = "/studio/jobs/{job_id}"
        take = f"{job}/takes/{{take:int}}"
        return [
            Route("/studio/about", self._about, methods=["GET"]),
            Route("/studio/fields", self._fields, methods=["GET"]),
            Route("/studio/events", self._events, methods=["GET"]),
            Route("/studio/daemon", self._start, methods=["POST"]),
            Route("/studio/models", self._models, methods=["GET"]),
            Route("/studio/models/load", self._load, methods=["POST"]),
            Route("/studio/models/unload", self._unload, methods=["POST"]),
            Route("/studio/jobs", self._jobs, methods=["GET"]),
            Route(job, self._job, methods=["GET"]),
            Route(job, self._delete, methods=["DELETE"]),
            Route(f"{job}/cancel", self._cancel, methods=["PUT"]),
            Route(f"{job}/logs", self._logs, methods=["GET"]),
            Route(f"{job}/recipe", self._recipe, methods=["GET"]),
            Route(f"{job}/source", self._source, methods=["GET"]),
            Route(f"{job}/source/facts", self._source_facts, methods=["GET"]),
            Route(take, self._mark, methods=["PUT"]),
            Route(f"{take}/copy", self._copy, methods=["PUT"]),
            Route(f"{take}/audio", self._audio, methods=["GET"]),
            Route("/studio/audio/{sha256}", self._facts, methods=["GET"]),
            Route("/studio/audio/{sha256}/file", self._file, methods=["GET"]),
            Route("/studio/tree/{sha256}", self._tree, methods=["GET"]),
            Route("/studio/presets", self._preset_names, methods=["GET"]),
            Route("/studio/presets/{name}", self._preset, methods=["GET"]),
            Route("/studio/presets/{name}", self._save_preset, methods=["PUT"]),
            Route("/studio/webhooks", self._webhooks, methods=["GET"]),
        ]

    # the machine

    async def _about(self, request: Request) -> Response:
        hello = await self._line.ask(lambda client: client.hello(), starts=False)
        metrics = await self._line.ask(lambda client: client.metrics(), starts=False)
        told = msgspec.to_builtins(hello) | {
            "metrics": msgspec.to_builtins(metrics),
            "memory": _memory(hello.engine.pid),
        }
        return AsciiJson(without_paths(told))

    async def _fields(self, request: Request) -> Response:
        return AsciiJson({"forms": forms()})

    async def _events(self, request: Request) -> Response:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(), 200, headers, media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        async with contextlib.aclosing(self.live.follow(PING_SECONDS)) as happening:
            async for told in happening:
                yield ": waiting\n\n" if told is None else f"event: {told[0]}\ndata: {ascii_json(told[1])}\n\n"

    async def _start(self, request: Request) -> Response:
        hello = await self._line.ask(lambda client: client.hello())
        return AsciiJson({"pid": hello.pid})

    async def _models(self, request: Request) -> Response:
        return AsciiJson(without_paths(msgspec.to_builtins(await self._line.ask(lambda client: client.models()))))

    async def _load(self, request: Request) -> Response:
        model = (await _object(request)).get("model")
        if not isinstance(model, str) or not model:
            raise BadInput([problem(["body", "model"], "model: expected the name of a model.", "string_type")])
        known = await self._line.ask(lambda client: client.models())
        if model not in {entry.name for entry in known.models}:
            names = ", ".join(entry.name for entry in known.models)
            raise BadInput(
                [problem(["body", "model"], f"model: got {model[:60]!r}, expected one of {names}.", "one_of")]
            )
        state = await self._line.ask(lambda client: client.load(model))
        return AsciiJson(without_paths(msgspec.to_builtins(state)), 202)

    async def _unload(self, request: Request) -> Response:
        state = await self._line.ask(lambda client: client.unload())
        return AsciiJson(without_paths(msgspec.to_builtins(state)), 202)

    # jobs

    async def _jobs(self, request: Request) -> Response:
        query = request.query_params
        state = _state(query.get("state", ""))
        limit, offset = _number(query.get("limit"), 50, _MOST_JOBS), _number(query.get("offset"), 0, 1 << 40)
        return AsciiJson(await self._catalogue.page(state, query.get("search", "")[:400], limit, offset))

    async def _job(self, request: Request) -> Response:
        job_id = request.path_params["job_id"]
        told = await self._catalogue.job(job_id)
        takes: list[Any] = []
        more: dict[str, Any] = {}
        if told["state"] == "completed":
            result = await self._catalogue.result(job_id)
            takes = await self._catalogue.takes(job_id, base_of(request))
            more = {"timings": result.timings, "warnings": without_paths(result.warnings)}
        if told["source_name"]:
            path, problem = await self._catalogue.source_file(job_id)
            more |= {"source_problem": problem, "source_url": f"/studio/jobs/{job_id}/source" if path else None}
        return AsciiJson({"source_url": None, "source_problem": "", **told, **more, "takes": takes})

    async def _delete(self, request: Request) -> Response:
        await self._line.ask(lambda client: client.delete(request.path_params["job_id"]))
        self.live.tell("job", {"job_id": request.path_params["job_id"], "state": "deleted"})
        return AsciiJson({"deleted": True})

    async def _cancel(self, request: Request) -> Response:
        job = await self._line.ask(lambda client: client.cancel(request.path_params["job_id"]))
        return AsciiJson({"state": job.state, "cancelling": job.cancelling}, 202)

    async def _logs(self, request: Request) -> Response:
        after = _number(request.query_params.get("after"), 0, 1 << 40)
        logs = await self._line.ask(lambda client: client.logs(request.path_params["job_id"], after))
        return AsciiJson({"lines": [log_entry(line) for line in logs.lines], "next": logs.next})

    async def _recipe(self, request: Request) -> Response:
        take = request.query_params.get("take")
        number = None if take is None else _number(take, 0, 1 << 20)
        new_seed = request.query_params.get("seed") == "new"
        told = await self._catalogue.again(request.path_params["job_id"], number, new_seed)
        return AsciiJson(without_paths(told))

    # takes and sounds

    async def _source(self, request: Request) -> Response:
        path = await self._source_path(request)
        return await self._sent(request, path, Path(path.name), "application/octet-stream")

    async def _source_facts(self, request: Request) -> Response:
        return await self._told_of(await self._source_path(request), {"url": request.url.path.removesuffix("/facts")})

    async def _source_path(self, request: Request) -> Path:
        """The file that a job was made from. Raises UnknownThing where the page cannot have it."""
        path, problem = await self._catalogue.source_file(request.path_params["job_id"])
        if path is None:
            raise UnknownThing(ErrorContent(code="unknown_audio", message=problem))
        return path

    async def _mark(self, request: Request) -> Response:
        job_id, take = request.path_params["job_id"], request.path_params["take"]
        mark = (await _object(request)).get("mark", "")
        if mark not in _MARKS:
            raise BadInput([problem(["body", "mark"], "mark: expected kept, rejected or an empty text.", "one_of")])
        await self._catalogue.entry(job_id, take)
        self._ledger.keep(MarkRow(job_id=job_id, take=take, mark=mark))
        self.live.tell("job", await self._catalogue.job(job_id))
        return AsciiJson({"mark": mark})

    async def _audio(self, request: Request) -> Response:
        entry = await self._catalogue.entry(request.path_params["job_id"], request.path_params["take"])
        name = Path(entry.audio.file_name)
        return await self._sent(request, self._stored(entry.audio.sha256), name, entry.audio.content_type)

    async def _copy(self, request: Request) -> Response:
        """A copy that a drag can name, and its folder shown if that is wanted. The one answer that holds a path."""
        self._copies.check(request)
        audio = (await self._catalogue.entry(request.path_params["job_id"], request.path_params["take"])).audio
        made = await asyncio.to_thread(self._copies.make, self._stored(audio.sha256), audio.sha256, audio.file_name)
        if request.query_params.get("show"):
            await asyncio.to_thread(show_file, made)
        return AsciiJson({"uri": made.absolute().as_uri()})

    async def _file(self, request: Request) -> Response:
        path = self._stored(request.path_params["sha256"])
        return await self._sent(request, path, Path(path.name), "application/octet-stream")

    async def _sent(self, request: Request, path: Path, name: Path, content_type: str) -> Response:
        """A file as it is, or in the format that the query asks for. Raises BadInput."""
        format = request.query_params.get("format", "")
        if not format or f".{format}" == name.suffix:
            return FileAnswer(path, content_type, name.name)
        made = self._hosting.store.new_path(f".{format if format in CONTENT_TYPES else 'none'}")
        try:
            await asyncio.to_thread(converted, path, made, format)
        except InvalidRequest as error:
            raise BadInput([problem(["query", "format"], str(error), "one_of")]) from error
        remove = BackgroundTask(made.unlink, missing_ok=True)
        return FileAnswer(made, CONTENT_TYPES[format], f"{name.stem}.{format}", background=remove)

    async def _facts(self, request: Request) -> Response:
        sha256 = request.path_params["sha256"]
        return await self._told_of(self._stored(sha256), {"sha256": sha256, "url": f"/studio/audio/{sha256}/file"})

    async def _told_of(self, path: Path, more: dict[str, str]) -> Response:
        try:
            facts = await asyncio.to_thread(sound_facts, path)
        except InvalidRequest as error:
            raise BadInput([problem(["path"], str(error), "unsupported_audio_format")]) from error
        return AsciiJson({**more, **facts})

    async def _tree(self, request: Request) -> Response:
        return AsciiJson(await self._catalogue.tree(request.path_params["sha256"]))

    def _stored(self, sha256: str) -> Path:
        path = self._hosting.store.find(sha256)
        if path is None:
            text = "That audio is not here, or no more. Choose its file again."
            raise UnknownThing(ErrorContent(code="unknown_audio", message=text))
        return path

    # presets and webhooks

    async def _preset_names(self, request: Request) -> Response:
        return AsciiJson({"presets": await asyncio.to_thread(self._presets.names)})

    async def _preset(self, request: Request) -> Response:
        with _preset_faults():
            return AsciiJson({"values": await asyncio.to_thread(self._presets.recall, request.path_params["name"])})

    async def _save_preset(self, request: Request) -> Response:
        values = await _object(request)
        with _preset_faults():
            await asyncio.to_thread(self._presets.save, request.path_params["name"], values)
        return AsciiJson({"saved": request.path_params["name"]})

    async def _webhooks(self, request: Request) -> Response:
        rows = self._ledger.all_deliveries(100)
        names = ("request_id", "url", "attempts", "next_attempt", "state", "last_answer")
        return AsciiJson({"webhooks": [{name: getattr(row, name) for name in names} for row in rows]})


async def _object(request: Request) -> dict[str, Any]:
    body = decoded(await read_body(request, _MOST_JSON_BYTES) or b"{}")
    if not isinstance(body, dict):
        raise BadInput([problem(["body"], "The body: expected a JSON object.", "dict_type")])
    return body


def _memory(engine: int | None) -> dict[str, int | None]:
    """Bytes of this machine's memory: free, all, and what the engine process takes."""
    import psutil

    taken = None
    with contextlib.suppress(psutil.Error):
        taken = psutil.Process(engine).memory_info().rss if engine else None
    now = psutil.virtual_memory()
    return {"available_bytes": now.available, "total_bytes": now.total, "engine_bytes": taken}


def _state(text: str) -> m.State | None:
    """A state of a query; None for all. Raises BadInput."""
    states: tuple[m.State, ...] = ("queued", "running", *m.FINISHED)
    found = next((state for state in states if state == text), None)
    if text and found is None:
        told = f"state: got {text[:40]!r}, expected one of {', '.join(states)}."
        raise BadInput([problem(["query", "state"], told, "one_of")])
    return found


def _number(text: str | None, default: int, most: int) -> int:
    """A number of a query; what is none counts as the default."""
    return min(int(text), most) if text and text.isascii() and text.isdigit() and len(text) < 16 else default


@contextlib.contextmanager
def _preset_faults() -> Any:
    try:
        yield
    except BadPreset as error:
        text = f"The preset: got {error.got}, expected {error.expected}."
        raise BadInput([problem(["path", "name"], text, "value_error")]) from error

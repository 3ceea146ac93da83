"""Jobs as the page shows them, whoever asked for them: with their requests, takes, marks, and what came from what.

Requests and results do not change, so each is asked of the daemon once. Knows the daemon's line and the store, no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec

from bridge.gateway.answers import without_paths
from bridge.gateway.daemon_line import DaemonLine
from bridge.gateway.endpoint_ids import DOCUMENTED, TASK_OF
from bridge.gateway.hosting import Hosting, file_url
from bridge.gateway.inputs import public_name
from bridge.gateway.ledger import Ledger
from bridge.gateway.secret_files import Secrets
from bridge.gateway.source_files import GONE, SourceFiles
from bridge.protocol import messages as m
from bridge.protocol.errors import RequestFailed, UnknownThing, refused
from engine.errors import InvalidRequest
from engine.requests import TASKS, fields_of, request_of, to_dict
from engine.requests.recipe import batch_request_of

Json = dict[str, Any]
_MOST_KEPT = 5000
_PAGE = 500
_HASH_LETTERS = 64
_CLIENTS = {"reaper": "REAPER", "osc": "OSC", "studio": "this page"}
ENDPOINT_OF = {TASK_OF[endpoint]: endpoint for endpoint in DOCUMENTED}


class Catalogue:
    """Asks the daemon, and remembers what stays as it is."""

    def __init__(
        self, line: DaemonLine, hosting: Hosting, ledger: Ledger, secrets: Secrets, roots: Sequence[Path]
    ) -> None:
        self._line, self._hosting, self._ledger, self._secrets = line, hosting, ledger, secrets
        self._files = SourceFiles(roots, hosting.store)
        self._requests: OrderedDict[str, Json] = OrderedDict()
        self._results: OrderedDict[str, m.ResultReply] = OrderedDict()

    async def page(self, state: m.State | None, search: str, limit: int, offset: int) -> Json:
        """Jobs, newest first; with `search` those in whose words all of its words are."""
        if not search.strip():
            reply = await self._line.ask(lambda client: client.jobs(state, limit, offset))
            return {"jobs": await self._told(reply.jobs), "total": reply.total}
        words = search.lower().split()
        found = [told for told in await self.all_jobs(state) if all(word in _words_of(told) for word in words)]
        return {"jobs": found[offset : offset + limit], "total": len(found)}

    async def all_jobs(self, state: m.State | None = None) -> list[Json]:
        """Every job, newest first."""
        jobs: list[m.JobStatus] = []
        while True:
            reply = await self._list(state, len(jobs))
            jobs += reply.jobs
            if len(reply.jobs) < _PAGE:
                return await self._told(jobs)

    async def _list(self, state: m.State | None, offset: int) -> m.ListReply:
        return await self._line.ask(lambda client: client.jobs(state, _PAGE, offset))

    async def job(self, job_id: str) -> Json:
        """One job as the list has it. Raises UnknownThing."""
        status = await self._line.ask(lambda client: client.status(job_id))
        return (await self._told([status]))[0]

    async def job_or_none(self, job_id: str) -> Json | None:
        """One job; None where it was deleted."""
        try:
            return await self.job(job_id)
        except UnknownThing:
            return None

    async def takes(self, job_id: str, base: str) -> list[Json]:
        """What a job made, with the address of each file. Raises UnknownThing, NotFinished, JobFailed, JobCancelled."""
        result = await self.result(job_id)
        marks = self._ledger.marks(job_id)
        return [self._take(job_id, at, entry, base, marks.get(at, "")) for at, entry in enumerate(result.results)]

    async def result(self, job_id: str) -> m.ResultReply:
        """A job's result, as the daemon told it."""
        known = self._results.get(job_id)
        if known is None:
            known = (await self._line.ask(lambda client: client.result(job_id, "path"))).reply
            _keep(self._results, job_id, known)
        return known

    async def entry(self, job_id: str, take: int) -> m.ResultEntry:
        """One take. Raises InvalidField for a number that is none."""
        results = (await self.result(job_id)).results
        if not 0 <= take < len(results):
            raise refused("invalid_request", "take", str(take), f"0 to {len(results) - 1}", "See the job's takes.")
        return results[take]

    async def again(self, job_id: str, take: int | None, new_seed: bool) -> Json:
        """The endpoint and the input that make a take again (a job's whole request where `take` is None).

        `take` of the answer: which of the results it will be. Raises InvalidField where that cannot be done here.
        """
        values, index = await self._values_again(job_id, take)
        task = values.pop("task")
        if task not in ENDPOINT_OF:
            raise refused("invalid_request", "task", task, "one of " + ", ".join(ENDPOINT_OF), "Use the command line.")
        if new_seed:
            values.pop("seed", None)
            values.pop("retake_seed", None)
        values.pop("audio", None)
        usual = await self._line.ask(lambda client: client.models())
        model = PurePath(values.pop("model", None) or usual.default).name  # a folder's path is not theirs to know
        if model != PurePath(usual.default).name:
            values["model"] = model
        told = {public_name(name): value for name, value in values.items()}
        here, problem = True, ""
        if "audio" in fields_of(TASKS[task]):
            path, problem = await self.source_file(job_id)
            here = path is not None
            if path is not None:
                told["audio_url"] = f"sha256:{await self._in_store(path)}"
        return {
            "endpoint": ENDPOINT_OF[task],
            "task": task,
            "input": told,
            "take": index,
            "source_is_here": here,
            "problem": problem,
        }

    async def source_file(self, job_id: str) -> tuple[Path | None, str]:
        """The file that a job was made from, or why the page cannot have it. Raises UnknownThing."""
        request = (await self.requests([job_id])).get(job_id, {})
        audio, sha256 = request.get("audio"), source_of(request)
        if sha256 is None:
            sha256 = await self._rendered_hash(job_id)
        stored = self._hosting.store.find(sha256) if sha256 else None
        if stored is not None or not isinstance(audio, str) or hash_in_store(audio):
            return stored, "" if stored else GONE
        return await asyncio.to_thread(self._files.look, audio, sha256)

    async def _rendered_hash(self, job_id: str) -> str | None:
        """What a finished job's source was; None where that is not known."""
        with contextlib.suppress(RequestFailed):
            found = (await self.result(job_id)).results[0].recipe.get("source_sha256")
            return found if isinstance(found, str) else None
        return None

    async def _in_store(self, path: Path) -> str:
        """The hash of a source that the store has: a file that a path named is copied into it."""
        known = hash_in_store(str(path))
        if known is not None and self._hosting.store.find(known) == path:
            return known
        return await asyncio.to_thread(self._files.taken_in, path)

    async def _values_again(self, job_id: str, take: int | None) -> tuple[Json, int]:
        request = (await self.requests([job_id])).get(job_id)
        if request is None:
            raise refused("unknown_job", "job_id", job_id[:60], "a job of this daemon", "It may have been deleted.")
        if take is None:
            return self._with_hashes(request), 0
        recipe = (await self.entry(job_id, take)).recipe
        task = recipe.get("request", {}).get("task", "")
        audio: Json = {"audio": "source"} if task in TASKS and "audio" in fields_of(TASKS[task]) else {}
        try:
            wanted, index = (
                batch_request_of(recipe, **audio) if recipe.get("batch") else (request_of(recipe, **audio), 0)
            )
        except (InvalidRequest, KeyError) as error:
            raise refused(
                "invalid_request", "recipe", str(error)[:200], "a recipe", "Change the job instead."
            ) from error
        values = self._with_hashes({**to_dict(wanted), "task": task})
        reference = recipe.get("reference_sha256")
        values |= {"reference_audio": f"sha256:{reference}"} if reference else {}
        return values, index

    def _with_hashes(self, request: Json) -> Json:
        """A request whose reference clip is a hash of the store, not a path."""
        named = hash_in_store(request.get("reference_audio"))
        return {**request, **({"reference_audio": f"sha256:{named}"} if named else {})}

    async def tree(self, sha256: str) -> Json:
        """Everything that was made from a file, and from what was made from it; from its first source on."""
        jobs = [job for job in await self.all_jobs() if job["source"] or job["state"] == "completed"]
        results = await asyncio.gather(*(self._hashes(job) for job in jobs))
        for job in jobs:
            job["source"] = job["source"] or await self._rendered_hash(job["job_id"])
        parent = {made: job["source"] for job, hashes in zip(jobs, results, strict=True) for made in hashes}
        root, seen = sha256, {sha256}
        while (above := parent.get(root)) and above not in seen:
            root = above
            seen.add(root)
        return self._branch(root, list(zip(jobs, results, strict=True)), set())

    def _branch(self, sha256: str, made: list[tuple[Json, list[str]]], seen: set[str]) -> Json:
        seen.add(sha256)
        jobs = [
            {**job, "made": [self._branch(one, made, seen) for one in hashes if one not in seen]}
            for job, hashes in made
            if job["source"] == sha256
        ]
        return {"sha256": sha256, "here": self._hosting.store.find(sha256) is not None, "jobs": jobs}

    async def _hashes(self, job: Json) -> list[str]:
        if job["state"] != "completed":
            return []
        try:
            return [entry.audio.sha256 for entry in (await self.result(job["job_id"])).results]
        except RequestFailed:
            return []

    async def requests(self, job_ids: Sequence[str]) -> dict[str, Json]:
        """The jobs' requests, those that are there."""
        missing = [job_id for job_id in job_ids if job_id not in self._requests]
        for at in range(0, len(missing), _PAGE):
            for job_id, request in (await self._asked(missing[at : at + _PAGE])).items():
                _keep(self._requests, job_id, request)
        return {job_id: self._requests[job_id] for job_id in job_ids if job_id in self._requests}

    async def _asked(self, job_ids: Sequence[str]) -> dict[str, Json]:
        return await self._line.ask(lambda client: client.requests(job_ids))

    async def _told(self, jobs: Iterable[m.JobStatus]) -> list[Json]:
        jobs = list(jobs)
        requests = await self.requests([job.job_id for job in jobs])
        return [self._job(job, requests.get(job.job_id, {})) for job in jobs]

    def _job(self, job: m.JobStatus, request: Json) -> Json:
        data = job.client_data
        call = data.get("http") if isinstance(data.get("http"), dict) else None
        audio = request.get("audio")
        return {
            **without_paths(msgspec.to_builtins(job)),
            "from": asked_by(data),
            "request_id": (call or {}).get("request_id", ""),
            "request": without_paths({name: value for name, value in request.items() if name != "audio"}),
            "source": source_of(request),
            "source_name": PurePath(audio).name if isinstance(audio, str) else "",
            "marks": self._ledger.marks(job.job_id) if job.state == "completed" else {},
        }

    def _take(self, job_id: str, at: int, entry: m.ResultEntry, base: str, mark: str) -> Json:
        told = without_paths(msgspec.to_builtins(entry))
        url = self.address(entry.audio, job_id, base)
        return {**told, "audio": {**told["audio"], "url": url}, "take": at, "mark": mark}

    def address(self, audio: m.AudioFile, job_id: str, base: str) -> str:
        """Where a result is fetched without a key: the same address each time, and none that could be guessed."""
        told = f"studio {job_id} {audio.sha256}".encode()
        token = hmac.new(self._secrets.signing, told, hashlib.sha256).hexdigest()[:48]
        self._hosting.host_result(token, audio, job_id, 0.0)
        return file_url(base, token, audio.file_name)


def asked_by(client_data: Json) -> str:
    """Who asked for a job, in words."""
    named = client_data.get("client") or client_data.get("app")
    if isinstance(named, str) and named in _CLIENTS:
        return _CLIENTS[named]
    return "HTTP" if "http" in client_data else "command line or Python"


def source_of(request: Json) -> str | None:
    """The hash of a job's source where it lies in the store."""
    return hash_in_store(request.get("audio"))


def hash_in_store(audio: Any) -> str | None:
    """The hash that a file of the store is named by; None for what is no such file."""
    stem = PurePath(audio).stem if isinstance(audio, str) else ""
    return stem if len(stem) == _HASH_LETTERS and set(stem) <= set("0123456789abcdef") else None


def _keep(kept: OrderedDict[str, Any], name: str, value: Any) -> None:
    kept[name] = value
    while len(kept) > _MOST_KEPT:
        kept.popitem(last=False)


def _words_of(job: Json) -> str:
    request = job["request"]
    names = ("tags", "prompt", "lyrics", "original_tags", "seed", "key", "tempo")
    told = [job["job_id"], job["task"], job["state"], job["from"], job["source_name"], job["model"]["name"]]
    told += [str(request.get(name, "")) for name in names] + [str(mark) for mark in job["marks"].values()]
    told += [str(value) for value in job["client_data"].values() if isinstance(value, str)]
    return " ".join(told).lower()

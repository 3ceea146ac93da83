"""The one door to the operations, for every transport: who asks, what it is called, and answering a repeat once.

A `request_id` is remembered with its answer for 24 hours; a repeat gets that answer, and one that comes while the
first is still at work waits for it. Knows typed contents and the store of answers; no socket, no frames, no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bridge.files import Attached
from bridge.jobs import JobStore
from bridge.protocol import messages as m
from bridge.protocol.errors import ErrorContent, StoreUnavailable, failure, refused


@dataclass(frozen=True)
class Peer:
    """Who asks: `name` is "" for this machine's user, else the client's name; its jobs' ids begin with `mark`.

    `rights` are what a client may do besides rendering: unload, controls. The user may do everything.
    """

    name: str = ""
    mark: str = ""
    rights: frozenset[str] = frozenset()

    @property
    def is_local(self) -> bool:
        """Whether it is the user of this machine, who may see and name everything."""
        return not self.name

    @property
    def owner(self) -> str | None:
        """Whose jobs it sees: None for all."""
        return self.name or None

    def check_right(self, right: str, remedy: str) -> None:
        """Raises RequestFailed (not_allowed) for what a client may do only if its rights say so."""
        if not self.is_local and right not in self.rights:
            expected = f"a client with the right to {right}, or the user of that machine"
            also = "" if right == "shutdown" else f", or give the right there: keys allow NAME KEY --may {right}"
            raise refused("not_allowed", None, f"client {self.name}", expected, f"{remedy}{also}.")


@dataclass(frozen=True)
class Reply:
    """What an operation answers."""

    content: m.Content
    buffers: list[bytes] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """What an operation needs to know besides its request: who asks, and the audio that came along.

    `remember` keeps the answer for repeats of the same `request_id`. An operation that changes the store calls it in
    the transaction of the change, so that both are kept or neither; for all others `Dispatch` does.
    """

    peer: Peer
    attached: Attached
    remember: Callable[[m.Content], None]


Handler = Callable[[Any, Call], Awaitable[Reply]]


class Dispatch:
    """Hands a request to its operation, once for each `request_id` of a peer. `stopping` ends all that comes later."""

    def __init__(self, handlers: Mapping[str, Handler], store: JobStore, stopping: asyncio.Event) -> None:
        self._handlers = handlers
        self._store = store
        self._stopping = stopping
        self._in_flight: dict[tuple[str, str], tuple[str, asyncio.Future[Reply]]] = {}

    async def perform(self, op: str, content: dict[str, Any], peer: Peer, attached: Attached) -> Reply:
        """Decode a request and do it. Raises BridgeError, EngineError and OSError for the sender to read."""
        request = m.read_request(op, content)
        if self._stopping.is_set():
            raise failure(ErrorContent(code="shutting_down", message="The daemon is stopping. Start it again."))
        request_id = _request_id(request)
        if request_id is None:
            return await self._handlers[op](request, Call(peer, attached, _forget))
        return await self._once(op, request, request_id, peer, attached)

    async def _once(self, op: str, request: Any, request_id: str, peer: Peer, attached: Attached) -> Reply:
        """The remembered answer, that of the request in flight, or a new one. Raises RequestFailed for a reused id."""
        key, digest = (peer.name, f"{op} {request_id}"), _digest(request, attached)
        known = self._store.answer(*key)
        if known is not None:
            _check_same(known[0], digest, request_id)
            return Reply(m.read_reply(op, known[1]))
        if key in self._in_flight:
            _check_same(self._in_flight[key][0], digest, request_id)
            return await asyncio.shield(self._in_flight[key][1])
        kept: list[m.Content] = []

        def remember(content: m.Content) -> None:
            self._store.remember(*key, digest, content)
            kept.append(content)

        call = Call(peer, attached, remember)
        future = asyncio.ensure_future(self._handlers[op](request, call))
        self._in_flight[key] = digest, future
        try:
            reply = await future
            if not kept:
                with contextlib.suppress(StoreUnavailable):  # it is done: a repeat does it again, which changes nothing
                    call.remember(reply.content)
            return Reply(reply.content)
        finally:
            del self._in_flight[key]


def _digest(request: Any, attached: Attached) -> str:
    """Tells requests apart that carry the same request_id: their content and the hashes of their audio."""
    text = json.dumps([msgspec.to_builtins(request), list(attached.hashes)], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check_same(before: str, now: str, request_id: str) -> None:
    if before not in ("", now):
        expected = "the request that came with it before, or a new request_id"
        remedy = "Give each request an id of its own; only a repeat of the same request keeps it."
        raise refused("request_id_reused", "request_id", repr(request_id), expected, remedy)


def _request_id(request: Any) -> str | None:
    """The request's id; a submit may carry it among the values of what is to be rendered."""
    given = getattr(request, "request_id", None)
    if given is None and isinstance(request, m.SubmitRequest):
        inner = request.request.get("request_id")
        given = inner if isinstance(inner, str) else None
    return given or None


def _forget(content: m.Content) -> None:
    """A request without an id is not remembered."""

"""The server: hears, checks, hands to the operations, answers. Knows frames and doors, not what operations mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
import zmq

from bridge.daemon.doors import Door, Speaker
from bridge.daemon.operations import Operations, Peer, Reply
from bridge.files import Attached
from bridge.jobs import JobStore
from bridge.protocol import messages as m
from bridge.protocol.errors import BadSignature, BridgeError, ErrorContent, ProtocolError, content_of, failure
from bridge.protocol.frames import Header, Message, new_header, pack, read_header, unpack
from engine.errors import EngineError

logger = logging.getLogger("bridge.daemon")
_LARGE_BYTES = 1 << 20
Frames = Sequence[bytes | memoryview]


class Server:
    """Serves the operations at one or more doors."""

    def __init__(self, doors: Sequence[Door], operations: Operations, store: JobStore) -> None:
        self._doors = doors
        self._operations = operations
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: dict[tuple[str, str], asyncio.Future[m.Content]] = {}

    async def serve(self, door: Door) -> None:
        """Answer what comes in at a door, until cancelled."""
        while True:
            frames = await door.commands.recv_multipart(copy=False)
            self._operations.counters.messages_received += 1
            speaker = door.speaker(frames)
            if speaker is None:
                self._operations.counters.rejected_signatures += 1
                continue
            task = asyncio.get_running_loop().create_task(self._answer(door, speaker, frames))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Give requests that are being answered a moment, then end them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for task in self._tasks:
            task.cancel()

    async def _answer(self, door: Door, speaker: Speaker, frames: Sequence[zmq.Frame]) -> None:
        identity, parts = frames[0].bytes, [frame.buffer for frame in frames[1:]]
        counters = self._operations.counters
        try:
            message = await _unpacked(speaker.key, parts)
        except BadSignature:
            counters.rejected_signatures += 1
            return
        except ProtocolError as error:
            counters.rejected_messages += 1
            await self._send(door, speaker, identity, _header_of(parts), content_of(error))
            return
        try:
            reply = await self._perform(message, Peer(speaker.name))
        except Exception as error:
            if not isinstance(error, BridgeError | EngineError | OSError):
                logger.exception("%s", message.header.op)
            content = content_of(error)
            counters.rejected_messages += isinstance(error, ProtocolError)
            await self._send(door, speaker, identity, message.header, content)
            return
        try:
            await self._send(door, speaker, identity, message.header, reply.content, reply)
        except ProtocolError as error:  # such as a number that JSON does not have: better an error than silence
            logger.exception("%s", message.header.op)
            await self._send(door, speaker, identity, message.header, content_of(error))

    async def _perform(self, message: Message, peer: Peer) -> Reply:
        op = message.header.op
        request = m.read_request(op, message.content)
        if self._operations.stopping.is_set():
            raise failure(ErrorContent(code="shutting_down", message="The daemon is stopping. Start it again."))
        attached = Attached(message.buffers, message.buffer_hashes)
        request_id = getattr(request, "request_id", None)
        if isinstance(request, m.SubmitRequest) and request_id is None:
            inner = request.request.get("request_id")
            request_id = inner if isinstance(inner, str) else None
            request = msgspec.structs.replace(request, request_id=request_id)
        handler = self._operations.handlers[op]
        if not request_id:
            return await handler(request, peer, attached)
        return Reply(await self._once(op, request_id, peer, handler(request, peer, attached)))

    async def _once(self, op: str, request_id: str, peer: Peer, work: Any) -> m.Content:
        """The first answer to a request_id: the remembered one, that of the request in flight, or a new one."""
        known, key = self._store.answer(peer.name, f"{op} {request_id}"), (peer.name, f"{op} {request_id}")
        if known is not None:
            work.close()
            return m.read_reply(op, known)
        if key in self._in_flight:
            work.close()
            return await asyncio.shield(self._in_flight[key])
        future = asyncio.ensure_future(_content(work))
        self._in_flight[key] = future
        try:
            content = await future
            self._store.remember(peer.name, f"{op} {request_id}", content)
            return content
        finally:
            del self._in_flight[key]

    async def _send(
        self,
        door: Door,
        speaker: Speaker,
        identity: bytes,
        request: Header,
        content: Any,
        reply: Reply | None = None,
    ) -> None:
        op = "error" if reply is None else request.op
        buffers, hashes = (reply.buffers, reply.hashes) if reply else ([], [])
        frames = pack(speaker.key, new_header(op, request.id), content, buffers, hashes)
        try:
            await door.commands.send_multipart([identity, *frames], copy=False)
        except zmq.ZMQError as error:
            logger.info("reply to %s not delivered: %s", request.op, error)

    def publish(self, topic: str, content: m.Content) -> None:
        """Send an event at every door."""
        self._operations.counters.events_sent += 1
        for door in self._doors:
            frames = pack(door.events_key, new_header("event"), content)
            door.events.send_multipart([topic.encode("utf-8"), *frames])


async def _unpacked(key: str, parts: Frames) -> Message:
    if sum(memoryview(p).nbytes for p in parts) < _LARGE_BYTES:
        return unpack(key, parts)
    return await asyncio.to_thread(unpack, key, parts)


def _header_of(parts: Frames) -> Header:
    try:
        return read_header(parts)
    except ProtocolError:
        return new_header("")


async def _content(work: Any) -> m.Content:
    reply: Reply = await work
    return reply.content

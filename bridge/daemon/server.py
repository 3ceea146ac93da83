"""The server: decodes what a door has heard and checked, hands it to `Dispatch`, answers.

Knows frames; no operation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from bridge.daemon.dispatch import Dispatch, Peer, Reply
from bridge.daemon.doors.door import Door, Hearing, Line
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.operations import Counters
from bridge.files import Attached
from bridge.protocol import messages as m
from bridge.protocol.errors import BridgeError, ErrorContent, ProtocolError, RequestFailed, content_of
from bridge.protocol.frames import Data, Header, Message, decode, new_header, pack, read_header
from bridge.system.own_code import UPDATED, own_code
from engine.errors import EngineError

logger = logging.getLogger("bridge.daemon")
_LARGE_BYTES = 1 << 20
_FINISH_SECONDS = 0.5
_BUSY = ErrorContent(
    code="too_many_requests",
    message="Thousands of requests of this client wait already. Send fewer at a time.",
    remedy="Send fewer at a time.",
)


class Server:
    """Answers what the doors hear. `doors` is filled by whoever makes them."""

    def __init__(self, dispatch: Dispatch, counters: Counters) -> None:
        self.doors: list[Door] = []
        self._dispatch = dispatch
        self._counters = counters
        self._threads = FileThreads()  # hash what is large; nobody waits for them at the end
        self._tasks: set[asyncio.Task[None]] = set()
        self.hearing = Hearing(self._heard, self._refused, self._too_many)

    async def finish(self) -> None:
        """Give requests that are being answered a moment, then end them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_FINISH_SECONDS)
        for task in self._tasks:
            task.cancel()

    def publish(self, topic: str, content: m.Content, owner: str = "") -> None:
        """Send an event at every door."""
        self._counters.events_sent += 1
        for door in self.doors:
            if door.is_heard:
                door.publish(topic, pack(door.events_key, new_header("event"), content), owner)

    def _heard(self, line: Line, frames: Sequence[Data], done: Callable[[], None]) -> None:
        self._counters.messages_received += 1
        task = asyncio.get_running_loop().create_task(self._answer(line, frames))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: done())

    def _refused(self) -> None:
        self._counters.messages_received += 1
        self._counters.rejected_signatures += 1

    def _too_many(self, line: Line, frames: Sequence[Data]) -> None:
        task = asyncio.get_running_loop().create_task(_send(line, _header_of(frames), _BUSY))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, line: Line, frames: Sequence[Data]) -> None:
        try:
            message = await self._decoded(frames)
        except (ProtocolError, RequestFailed) as error:
            self._counters.rejected_messages += 1
            await _send(line, _header_of(frames), content_of(error))
            return
        try:
            reply = await self._performed(line, message)
        except Exception as error:
            if not isinstance(error, BridgeError | EngineError | OSError):
                logger.exception("%s", message.header.op)
            content = content_of(error)
            if content.code == "internal" and await self._threads.run(own_code().changed):
                content = ErrorContent(code="internal", message=f"{content.message} {UPDATED}", remedy=UPDATED)
            self._counters.rejected_messages += isinstance(error, ProtocolError)
            await _send(line, message.header, content)
            return
        try:
            await _send(line, message.header, reply.content, reply)
        except ProtocolError as error:  # such as a number that JSON does not have: better an error than silence
            logger.exception("%s", message.header.op)
            await _send(line, message.header, content_of(error))

    async def _decoded(self, frames: Sequence[Data]) -> Message:
        if sum(memoryview(frame).nbytes for frame in frames) < _LARGE_BYTES:
            return decode(frames)
        return await self._threads.run(decode, frames)

    async def _performed(self, line: Line, message: Message) -> Reply:
        peer = Peer(line.speaker.name, line.speaker.mark, line.speaker.rights)
        attached = Attached(message.buffers, message.buffer_hashes)
        return await self._dispatch.perform(message.header.op, message.content, peer, attached)


async def _send(line: Line, request: Header, content: Any, reply: Reply | None = None) -> None:
    op = "error" if reply is None else request.op
    buffers, hashes = (reply.buffers, reply.hashes) if reply else ([], [])
    frames = pack(line.speaker.key, new_header(op, request.id), content, buffers, hashes)
    try:
        await line.send(frames)
    except OSError as error:
        logger.debug("reply to %s not delivered: %s", request.op, error)


def _header_of(frames: Sequence[Data]) -> Header:
    try:
        return read_header(frames)
    except ProtocolError:
        return new_header("")

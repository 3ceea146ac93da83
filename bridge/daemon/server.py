"""The server: hears, checks, hands to `Dispatch`, answers. Knows frames and doors, not what operations mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import zmq

from bridge.daemon.dispatch import Dispatch, Peer, Reply
from bridge.daemon.doors import Door, Speaker
from bridge.daemon.operations import Counters
from bridge.files import Attached
from bridge.protocol import messages as m
from bridge.protocol.errors import BadSignature, BridgeError, ProtocolError, content_of
from bridge.protocol.frames import MAX_FRAMES, Header, Message, check_signature, new_header, pack, read_header, unpack
from engine.errors import EngineError

logger = logging.getLogger("bridge.daemon")
_LARGE_BYTES = 1 << 20
_FINISH_SECONDS = 0.5
Frames = Sequence[bytes | memoryview]


class Server:
    """Serves the operations at one or more doors."""

    def __init__(self, doors: Sequence[Door], dispatch: Dispatch, counters: Counters) -> None:
        self._doors = doors
        self._dispatch = dispatch
        self._counters = counters
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, door: Door) -> None:
        """Answer what comes in at a door, until cancelled."""
        while True:
            frames = await door.commands.recv_multipart(copy=False)
            self._counters.messages_received += 1
            speaker = door.speaker(frames)
            if speaker is None or not _is_signed(speaker.key, frames):  # a stranger's message costs no task
                self._counters.rejected_signatures += 1
                continue
            task = asyncio.get_running_loop().create_task(self._answer(door, speaker, frames))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Give requests that are being answered a moment, then end them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_FINISH_SECONDS)
        for task in self._tasks:
            task.cancel()

    async def _answer(self, door: Door, speaker: Speaker, frames: Sequence[zmq.Frame]) -> None:
        identity, parts = frames[0].bytes, [frame.buffer for frame in frames[1:]]
        counters = self._counters
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
            attached = Attached(message.buffers, message.buffer_hashes)
            reply = await self._dispatch.perform(message.header.op, message.content, Peer(speaker.name), attached)
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
        self._counters.events_sent += 1
        for door in self._doors:
            frames = pack(door.events_key, new_header("event"), content)
            door.events.send_multipart([topic.encode("utf-8"), *frames])


def _is_signed(key: str, frames: Sequence[zmq.Frame]) -> bool:
    """Whether the speaker signed header and content; buffers are looked at later."""
    if not 4 <= len(frames) <= MAX_FRAMES + 1:
        return False
    try:
        check_signature(key, [frame.buffer for frame in frames[1:4]])
    except BadSignature:
        return False
    return True


async def _unpacked(key: str, parts: Frames) -> Message:
    if sum(memoryview(p).nbytes for p in parts) < _LARGE_BYTES:
        return unpack(key, parts)
    return await asyncio.to_thread(unpack, key, parts)


def _header_of(parts: Frames) -> Header:
    try:
        return read_header(parts)
    except ProtocolError:
        return new_header("")

"""The last status of each job that is asked for, good until an event says that the job has changed, at most a second.

Fifty clients that poll ten times a second then ask the daemon a few times, not five hundred. An event that is lost
costs a second at most, since what is older is asked for again; one that overtakes a reply is known by its sequence.
Knows the daemon's line, no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from typing import TypeVar

from bridge.gateway.daemon_line import DaemonLine
from bridge.protocol.errors import BridgeError
from bridge.protocol.messages import JobStatus

GOOD_SECONDS = 1.0
_MOST_KEPT = 2000
Value = TypeVar("Value")


class StatusMemory:
    """Listens to the daemon from the first question on."""

    def __init__(self, line: DaemonLine) -> None:
        self._line = line
        self._known: OrderedDict[str, tuple[float, JobStatus]] = OrderedDict()
        self._heard: OrderedDict[str, int] = OrderedDict()  # job -> sequence of its last event
        self._listening: asyncio.Task[None] | None = None
        self._to: object = None

    async def status(self, job_id: str) -> JobStatus:
        """A job as it is now, or was when its last event came. Raises UnknownThing and the errors of the line."""
        known = self._known.get(job_id)
        if known is not None and time.monotonic() - known[0] < GOOD_SECONDS and self._is_listening():
            return known[1]
        return self.keep(await self._line.ask(lambda client: client.status(job_id)))

    def keep(self, status: JobStatus) -> JobStatus:
        """Remember a status that was just told, unless an event that is newer has come."""
        self._listen()
        if status.sequence >= self._heard.get(status.job_id, 0):
            _put(self._known, status.job_id, (time.monotonic(), status))
        return status

    def forget(self, job_id: str) -> None:
        """The next question goes to the daemon."""
        self._known.pop(job_id, None)

    async def stop(self) -> None:
        """End listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _is_listening(self) -> bool:
        """Whether it hears the daemon that is there now, not one that was replaced."""
        alive = self._listening is not None and not self._listening.done()
        return alive and self._to is self._line.client.transport.connection

    def _listen(self) -> None:
        if self._is_listening():
            return
        if self._listening is not None:
            self._listening.cancel()
        self._known.clear()
        self._heard.clear()
        self._to = self._line.client.transport.connection
        self._listening = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        with contextlib.suppress(BridgeError):
            async for event in self._line.client.events():
                _put(self._heard, event.job_id, event.sequence)
                known = self._known.get(event.job_id)
                if known is not None and known[1].sequence < event.sequence:
                    self.forget(event.job_id)


def _put(kept: OrderedDict[str, Value], name: str, value: Value) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > _MOST_KEPT:
        kept.popitem(last=False)

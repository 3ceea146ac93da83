"""What the jobs that are asked for have come to: one long poll a job at the daemon, however many clients ask.

Fifty clients that poll ten times a second and ten streams then cost the daemon one request a change. What is told is at
most `GOOD_SECONDS` old, and as new as the last change that the daemon told of. Knows the daemon's line, no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bridge.gateway.daemon_line import DaemonLine
from bridge.protocol.errors import BridgeError
from bridge.protocol.messages import JobStatus, LogLine, LogsReply

GOOD_SECONDS = 1.5
_LOOK_SECONDS = 1.0  # a long poll: places in the queue move without a change of the job
_WANTED_SECONDS = 3.0  # a job that nobody asked for in this time is not followed any more
_PAUSE_SECONDS = 0.1  # after an answer that came at once and told nothing: the daemon ends
_MOST_KEPT = 2000
T = TypeVar("T")


class _Known:
    """A job: its last status, who waits for another, the log as far as it was asked for."""

    def __init__(self, status: JobStatus) -> None:
        self.status, self.at, self.asked = status, time.monotonic(), time.monotonic()
        self.waiting: set[asyncio.Future[None]] = set()
        self.follower: asyncio.Task[None] | None = None
        self.lines: list[LogLine] = []
        self.next_line, self.lines_of, self.lines_at = 0, -1, 0.0

    @property
    def is_followed(self) -> bool:
        """Whether what happens to it is heard."""
        return self.follower is not None and not self.follower.done()

    @property
    def is_good(self) -> bool:
        """Whether the status may be told."""
        return (self.is_followed or self.status.is_finished) and time.monotonic() - self.at < GOOD_SECONDS

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants to know what happens to it."""
        return bool(self.waiting) or time.monotonic() - self.asked < _WANTED_SECONDS

    def wake(self) -> None:
        """Those that wait look again."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)


class StatusMemory:
    """Use it on one event loop."""

    def __init__(self, line: DaemonLine) -> None:
        self._line = line
        self._jobs: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Any]] = {}

    async def status(self, job_id: str) -> JobStatus:
        """A job as it is now, or was at its last change. Raises UnknownThing and the errors of the line."""
        return (await self._known(job_id)).status

    async def _known(self, job_id: str) -> _Known:
        known = self._jobs.get(job_id)
        if known is None or not known.is_good:
            known = await self._once(("status", job_id), lambda: self._ask(job_id))
        known.asked = time.monotonic()
        return known

    async def _ask(self, job_id: str) -> _Known:
        return self._keep(await self._line.ask(lambda client: client.status(job_id)))

    async def fresh(self, job_id: str) -> JobStatus:
        """A job as the daemon says now."""
        return self.keep(await self._line.ask(lambda client: client.status(job_id)))

    def keep(self, status: JobStatus) -> JobStatus:
        """Remember a status that was just told, unless a newer one has come."""
        return self._keep(status).status

    def _keep(self, status: JobStatus) -> _Known:
        known = self._jobs.get(status.job_id)
        if known is None:
            known = self._jobs[status.job_id] = _Known(status)
        elif status.sequence >= known.status.sequence or not known.is_good:
            changed = status.sequence != known.status.sequence
            known.status, known.at = status, time.monotonic()
            if changed:
                known.wake()
        self._follow(known)
        self._jobs.move_to_end(status.job_id)
        while len(self._jobs) > _MOST_KEPT:
            self._drop(self._jobs.popitem(last=False)[1])
        return known

    def _drop(self, known: _Known) -> None:
        if known.follower is not None:
            known.follower.cancel()
        known.wake()

    async def changed(self, job_id: str, after: int, seconds: float) -> JobStatus:
        """The job as soon as its sequence is another than `after`, or as it is when the time is over."""
        limit = time.monotonic() + seconds
        while True:
            known = await self._known(job_id)
            left = limit - time.monotonic()
            if known.status.sequence != after or known.status.is_finished or left <= 0:
                return known.status
            await self._next_change(known, left)

    async def _next_change(self, known: _Known, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        known.waiting.add(future)
        try:
            await asyncio.wait([future], timeout=min(seconds, GOOD_SECONDS))
        finally:
            known.waiting.discard(future)

    async def logs(self, job_id: str, after: int) -> LogsReply:
        """A job's log lines with a number above `after`, as new as its last change."""
        known = await self._known(job_id)
        while known.lines_of < known.status.sequence or time.monotonic() - known.lines_at > GOOD_SECONDS:
            await self._once(("logs", job_id), lambda: self._more_lines(known))
        first = bisect_right(known.lines, after, key=lambda line: line.number)
        return LogsReply(lines=known.lines[first:], next=known.next_line)

    async def _more_lines(self, known: _Known) -> None:
        sequence, job_id = known.status.sequence, known.status.job_id
        reply = await self._line.ask(lambda client: client.logs(job_id, known.next_line))
        known.lines += reply.lines
        known.next_line, known.lines_of, known.lines_at = reply.next, sequence, time.monotonic()

    async def stop(self) -> None:
        """End following."""
        tasks = [known.follower for known in self._jobs.values() if known.follower] + list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _once(self, key: tuple[str, str], ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives; all that want the same at the same time share one."""
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.ensure_future(ask())
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    def _over(self, key: tuple[str, str], task: asyncio.Task[Any]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # told to those that still wait; nobody may

    def _follow(self, known: _Known) -> None:
        if not known.is_followed and not known.status.is_finished:
            known.follower = asyncio.create_task(self._hear(known))

    async def _hear(self, known: _Known) -> None:
        """Ask for the next change again and again, while somebody wants to know."""
        try:
            with contextlib.suppress(BridgeError):
                while known.is_wanted and not known.status.is_finished:
                    await self._hear_once(known)
        finally:
            known.wake()

    async def _hear_once(self, known: _Known) -> None:
        before, began = known.status, time.monotonic()
        status = await self._line.ask(
            lambda client: client.wait_once(before.job_id, _LOOK_SECONDS, before.sequence), starts=False
        )
        self.keep(status)
        if status.sequence == before.sequence and time.monotonic() - began < _LOOK_SECONDS / 2:
            await asyncio.sleep(_PAUSE_SECONDS)

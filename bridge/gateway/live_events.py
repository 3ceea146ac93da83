"""What happens at the daemon, told to every open page: jobs as they change, the daemon itself as it goes and comes.

One subscription and one look a quarter of a second, however many pages are open, and none while no page is. A page that
has just come, or a daemon that was replaced, gets `refresh`: ask for everything again. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec

from bridge.gateway.answers import without_paths
from bridge.gateway.daemon_line import DaemonLine
from bridge.protocol.errors import BridgeError, RequestFailed

Json = dict[str, Any]
Told = tuple[str, Json]
_LOOK_SECONDS = 0.25
_HELLO_EVERY = 4  # looks
_GATHER_SECONDS = 0.03
_MOST_WAITING = 500  # messages for a page that does not read; it gets `refresh` instead


class LiveEvents:
    """`job_told` makes of a job's id what a page shows of it; None for one that is gone."""

    def __init__(self, line: DaemonLine, job_told: Callable[[str], Awaitable[Json | None]]) -> None:
        self._line, self._job_told = line, job_told
        self._pages: set[asyncio.Queue[Told | None]] = set()  # None: the gateway ends
        self._tasks: list[asyncio.Task[None]] = []
        self._changed: set[str] = set()
        self._woken = asyncio.Event()
        self._engine: Json = {}
        self._pid = 0
        self._is_up = True

    async def follow(self, ping_seconds: float) -> AsyncGenerator[Told | None, None]:
        """What happens, as (kind, content), from now on; None when nothing did for a while."""
        page: asyncio.Queue[Told | None] = asyncio.Queue()
        self._pages.add(page)
        page.put_nowait(("daemon", self._daemon()))
        page.put_nowait(("refresh", {}))
        self._begin()
        try:
            while True:
                try:
                    async with asyncio.timeout(ping_seconds):  # `wait_for` may swallow a cancellation
                        told = await page.get()
                except TimeoutError:
                    yield None
                    continue
                if told is None:
                    return
                yield told
        finally:
            self._pages.discard(page)
            if not self._pages:
                await self.stop()

    async def stop(self) -> None:
        """End the tasks."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def end_pages(self) -> None:
        """End what every page follows, so that nothing holds the gateway up when it ends."""
        for page in self._pages:
            page.put_nowait(None)

    def tell(self, kind: str, content: Json) -> None:
        """Tell every page."""
        for page in self._pages:
            if page.qsize() > _MOST_WAITING:
                while not page.empty():
                    page.get_nowait()
                page.put_nowait(("refresh", {}))
            page.put_nowait((kind, content))

    def _begin(self) -> None:
        if not self._tasks:
            self._pid, self._is_up, self._engine = 0, True, {}
            self._tasks = [asyncio.create_task(work()) for work in (self._watch, self._tell_jobs)]

    def _daemon(self) -> Json:
        return {"up": self._is_up, "stopped": not self._is_up and not self._line.was_left_running()}

    async def _watch(self) -> None:
        """See whether the daemon is there, and listen to the one that is."""
        listening: asyncio.Task[None] | None = None
        looks = 0
        try:
            while True:
                if not self._line.is_there():
                    await self._gone()
                elif not self._is_up or looks % _HELLO_EVERY == 0:
                    listening = await self._look(listening)
                looks += 1
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            if listening is not None:
                listening.cancel()

    async def _look(self, listening: asyncio.Task[None] | None) -> asyncio.Task[None] | None:
        try:
            hello = await self._line.ask(lambda client: client.hello(), starts=False)
        except BridgeError:
            return listening
        if hello.pid != self._pid or listening is None or listening.done():
            if listening is not None:
                listening.cancel()
            self._pid, self._is_up = hello.pid, True
            listening = asyncio.create_task(self._listen())
            await asyncio.sleep(_GATHER_SECONDS)  # until the subscription has arrived
            self.tell("daemon", self._daemon())
            self.tell("refresh", {})
        engine = without_paths(msgspec.to_builtins(hello.engine)) | {"queued": hello.queued}
        if engine != self._engine:
            self._engine = engine
            self.tell("engine", engine)
        return listening

    async def _gone(self) -> None:
        """Say so; one that died is started again, one that was ended is not."""
        if self._is_up:
            self._is_up = False
            self.tell("daemon", self._daemon())
        if self._line.was_left_running():
            with contextlib.suppress(BridgeError):
                await self._line.revive()

    async def _listen(self) -> None:
        async for event in self._line.client.events():
            self._changed.add(event.job_id)
            self._woken.set()

    async def _tell_jobs(self) -> None:
        """Quick steps of one job share a message."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            changed, self._changed = self._changed, set()
            for job_id in changed:
                with contextlib.suppress(BridgeError, RequestFailed):
                    told = await self._job_told(job_id)
                    self.tell("job", told if told is not None else {"job_id": job_id, "state": "deleted"})
            await asyncio.sleep(_GATHER_SECONDS)

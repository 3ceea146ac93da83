"""The daemon followed: its controls and jobs learnt at the start, changes as they are told, loss as it is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.osc.daemon.daemon import CONTROLS_TOPIC, Daemon
from bridge.osc.daemon.jobs import JobWatch, OwnJob
from bridge.osc.daemon.shared import SharedControls
from bridge.protocol.errors import BridgeError, DaemonLost

RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.25


class DaemonFollower:
    """Run `run` as a task. `on_begun` is called once, when the daemon answered; `on_lost` when it does not."""

    def __init__(
        self,
        daemon: Daemon,
        shared: SharedControls,
        watch: JobWatch,
        earlier: dict[str, OwnJob],
        on_begun: Callable[[], None],
        on_lost: Callable[[BridgeError], None],
    ) -> None:
        self._daemon, self._shared, self._watch = daemon, shared, watch
        self._earlier, self._on_begun, self._on_lost = earlier, on_begun, on_lost

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            for task in (
                self._begin(),
                self._shared.run(),
                self._follow_jobs(),
                self._follow_changes(),
                self._notice_loss(),
            ):
                group.create_task(task)

    async def _begin(self) -> None:
        while True:
            try:
                await self._shared.refresh()
                await self._watch.begin(self._earlier)
                break
            except BridgeError as error:
                self._on_lost(error)
                await asyncio.sleep(RETRY_SECONDS)
        self._on_begun()

    async def _notice_loss(self) -> None:
        """A daemon that was killed is known to be gone before anybody asks it something."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._daemon.is_there():
                self._on_lost(DaemonLost("its process is gone"))

    async def _follow_changes(self) -> None:
        async for topic in self._daemon.changes():
            if topic not in ("", CONTROLS_TOPIC):
                self._watch.mark(topic)
                continue
            try:
                await self._shared.refresh()
            except BridgeError as error:
                self._on_lost(error)
                continue
            if topic == "":
                self._watch.mark_all()

    async def _follow_jobs(self) -> None:
        while True:
            try:
                await self._watch.refresh()
            except BridgeError as error:
                self._on_lost(error)
                await asyncio.sleep(RETRY_SECONDS)

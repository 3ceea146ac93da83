"""Our controls and the daemon's kept the same: changes here go there, at most 50 a second, others' come back.

Knows the daemon's `controls` operation, no socket. Whoever changed a value last wins; a value that was changed here
and is not there yet is never overwritten by an older one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.osc.controls.state import Controls
from bridge.osc.daemon.daemon import Daemon, Version
from bridge.protocol.errors import BridgeError

INTERVAL_SECONDS = 0.02
RETRY_SECONDS = 1.0
ACTIONS_KEY = "reaper_actions"

OnChanged = Callable[[set[str]], None]
OnLost = Callable[[BridgeError], None]


class SharedControls:
    """Run `run` as a task. `on_changed` is told what came from elsewhere, `on_lost` that the daemon is away."""

    def __init__(self, daemon: Daemon, controls: Controls, on_changed: OnChanged, on_lost: OnLost) -> None:
        self._daemon, self._controls = daemon, controls
        self._on_changed, self._on_lost = on_changed, on_lost
        self._pending: set[str] = set()
        self._in_flight: set[str] = set()
        self._woken, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._version: Version = (0.0, -1)
        self.actions: dict[str, str] = {}  # names of our actions in REAPER and their ids, as its Setup told them
        self.messages_sent = 0

    def put(self, names: Iterable[str]) -> None:
        """These were changed here."""
        self._pending.update(names)
        if self._pending:
            self._idle.clear()
            self._woken.set()

    async def flushed(self) -> None:
        """Return when the daemon has every change made so far."""
        await self._idle.wait()

    async def refresh(self) -> None:
        """Ask the daemon for its controls. Raises BridgeError."""
        self._adopt(*await self._daemon.controls())

    async def run(self) -> None:
        """Send what was changed, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._send()
            except BridgeError as error:
                self._on_lost(error)
                self._woken.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _send(self) -> None:
        self._in_flight, self._pending = self._pending, set()
        try:
            changes = {name: self._controls.values.get(name) for name in self._in_flight}
            values, version = await self._daemon.set_controls(changes)
            self.messages_sent += 1
        except BaseException:
            self._pending |= self._in_flight
            raise
        finally:
            self._in_flight = set()
        self._adopt(values, version)
        if not self._pending:
            self._idle.set()

    def _adopt(self, values: Mapping[str, Any], version: Version) -> None:
        if version < self._version:  # an answer that was overtaken
            return
        self._version = version
        actions = values.get(ACTIONS_KEY)
        if isinstance(actions, dict):
            self.actions = {str(name): str(action) for name, action in actions.items()}
        changed = self._controls.take_over(values, self._pending | self._in_flight)
        if changed:
            self._on_changed(changed)

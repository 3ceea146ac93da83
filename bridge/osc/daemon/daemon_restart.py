"""A daemon that was killed is started again while people play. Knows how often, not how."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from bridge.protocol.errors import BridgeError

AGAIN_SECONDS = 5.0

Start = Callable[[], None]  # blocks; does nothing where somebody ended the daemon on purpose


class DaemonRestart:
    """`lost` is called whenever the daemon does not answer."""

    def __init__(self, start: Start | None, say: Callable[[str], None]) -> None:
        self._start, self._say = start, say
        self._last = -AGAIN_SECONDS
        self._task: asyncio.Task[None] | None = None

    def lost(self, error: BridgeError) -> None:
        """Say so, and start it again in a thread, unless that was tried a moment ago."""
        if self._task is not None:
            return
        if self._start is None or monotonic() - self._last < AGAIN_SECONDS:
            self._say(f"no daemon: {error}")
            return
        self._say("no daemon: restarting it")
        self._last = monotonic()
        self._task = asyncio.create_task(self._restart(self._start))

    async def _restart(self, start: Start) -> None:
        try:
            await asyncio.to_thread(start)
        except (BridgeError, OSError) as error:
            self._say(f"no daemon, and it cannot be started: {error}")
        finally:
            self._task = None

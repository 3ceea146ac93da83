"""The gateway's line to the daemon: one client, and a daemon started where none answers. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from bridge.client import AsyncClient, Timeouts, ensure_daemon
from bridge.protocol.errors import DaemonLost, DaemonNotRunning
from bridge.protocol.home import connection_path
from bridge.protocol.lock import is_held

T = TypeVar("T")
_TIMEOUTS = Timeouts(connect=5.0, reply=60.0, reconnect=5.0)


class DaemonLine:
    """Calls go through `ask`; a daemon that is gone is started again by those that may (`starts`)."""

    def __init__(self, home: Path, client: AsyncClient, options: Sequence[str] = ()) -> None:
        self._home = home
        self._options = options
        self._starting = asyncio.Lock()
        self.client = client

    @classmethod
    async def open(cls, home: Path, options: Sequence[str] = ()) -> DaemonLine:
        """Connect; a daemon is started where none runs. Raises DaemonNotRunning."""
        await asyncio.to_thread(_start, home, options)
        return cls(home, await AsyncClient.connect(home, timeouts=_TIMEOUTS), options)

    async def close(self) -> None:
        """Close the connection; daemon and jobs go on."""
        await self.client.close()

    def is_there(self) -> bool:
        """Whether a daemon runs, as its lock says."""
        return is_held(self._home / "daemon.lock")

    def was_left_running(self) -> bool:
        """Whether the last daemon did not end on purpose: its connection file is still there."""
        return connection_path(self._home).exists()

    async def revive(self) -> None:
        """Start a daemon where none runs. Raises DaemonNotRunning."""
        async with self._starting:
            await asyncio.to_thread(_start, self._home, self._options)

    async def ask(self, what: Callable[[AsyncClient], Awaitable[T]], starts: bool = True) -> T:
        """Call the daemon. Without `starts` only one that died is started again, not one that was ended on purpose.

        Raises DaemonLost, DaemonNotRunning, RequestFailed.
        """
        try:
            return await what(self.client)
        except (DaemonLost, DaemonNotRunning):
            if not starts and not self.was_left_running():
                raise
        await self.revive()
        return await what(self.client)


def _start(home: Path, options: Sequence[str]) -> None:
    ensure_daemon(home, options)[0].close()

"""A port on loopback where ZMTP peers connect: how many may, who goes when it is full, who has to show that it lives.

Knows connections; no signature and no operation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from bridge.daemon.doors.zmtp import Broken, Connection
from bridge.system.open_files import Rarely, most_connections

logger = logging.getLogger("bridge.daemon")
BEAT_SECONDS = 5.0
SILENT_SECONDS = 30.0
STRANGER_SECONDS = 30.0  # that a peer may stay without having shown the key, where there is one to show

Talk = Callable[[Connection], Awaitable[None]]


class Listener:
    """Accepts peers and lets `talk` speak with each; a peer goes when `talk` ends. `kind` is ours, such as ROUTER."""

    def __init__(self, kind: bytes, talk: Talk, *, strangers_may_stay: bool = False) -> None:
        self._kind, self._talk, self._strangers_may_stay = kind, talk, strangers_may_stay
        self._server: asyncio.Server | None = None
        self._beat = 0.0
        self.connections: dict[Connection, float] = {}  # and since when
        self.most = 0
        self._full = Rarely(logger)

    async def open(self) -> str:
        """Listen on a free port of loopback; gives its address."""
        self.most = most_connections()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 16)
        port = self._server.sockets[0].getsockname()[1]
        return f"tcp://127.0.0.1:{port}"

    async def watch(self) -> None:
        """Let go of who gives no sign of life, until cancelled."""
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Drop the silent and the strangers; ask all others for a sign of life. After a sleep of our own, ask only."""
        if now - self._beat > 2 * BEAT_SECONDS:
            for connection in self.connections:
                connection.asked_at, self.connections[connection] = None, now
        for connection, since in list(self.connections.items()):
            asked = connection.asked_at
            late = not connection.is_greeted or not (connection.is_known or self._strangers_may_stay)
            if (asked is not None and now - asked > SILENT_SECONDS) or (late and now - since > STRANGER_SECONDS):
                connection.drop()
            elif connection.is_greeted:
                connection.ping(now)

    async def close(self) -> None:
        """Listen no more; what waits is sent."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*(connection.close() for connection in list(self.connections)))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        if not self._has_room():
            self._full.warn(f"{len(self.connections)} connections: those that come now are turned away")
            connection.drop()
            return
        self.connections[connection] = time.monotonic()
        try:
            await connection.greet(self._kind)
            await self._talk(connection)
        except (Broken, asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # a peer that goes, or was let go, is no event
        except Exception:
            logger.exception("a connection")
        finally:
            del self.connections[connection]
            connection.drop()

    def _has_room(self) -> bool:
        """Whether one more may come; the longest-standing stranger goes for it."""
        if len(self.connections) < self.most:
            return True
        stranger = next((connection for connection in self.connections if not connection.is_known), None)
        if stranger is not None:
            stranger.drop()
        return stranger is not None and len(self.connections) < 2 * self.most

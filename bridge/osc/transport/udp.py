"""OSC by UDP. Knows packets and who may speak; knows no address space."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any

from bridge.osc.transport.listening import is_allowed, peer_of
from bridge.osc.transport.packets import encode, hand_on
from bridge.osc.transport.surface import Peer, SurfaceCallbacks

MAX_DATAGRAM = 65_535
MAX_WAITING = 65_536  # datagrams not yet decoded; more are lost, as UDP may
MAX_DRAIN = 1024
DECODE_AT_ONCE = 16


class UdpSurface:
    """A bound socket. Everything is called from the running loop, a selector loop.

    Datagrams are taken from the system as fast as they come, before any is decoded: its buffer holds a few hundred.
    """

    has_words = True

    def __init__(
        self, bound: socket.socket, allowed: frozenset[str] = frozenset(), permanent: tuple[Peer, ...] = ()
    ) -> None:
        self._socket, self._allowed, self.permanent = bound, allowed, permanent
        self._callbacks: SurfaceCallbacks | None = None
        self._open = False
        self.waiting: deque[tuple[Peer, bytes]] = deque()

    async def open(self, callbacks: SurfaceCallbacks) -> None:
        """Begin to hear."""
        self._callbacks, self._open = callbacks, True
        asyncio.get_running_loop().add_reader(self._socket, self._drain)

    async def run(self) -> None:
        """The loop calls us when something came."""
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Hear nothing more."""
        if self._open:
            self._open = False
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def serves(self, peer: Peer) -> bool:
        """Every peer with a port can be sent to, whether it is there or not."""
        return self._open and peer[1] > 0

    def show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        """One datagram. What cannot be sent is dropped."""
        self.send(peer, encode(path, *arguments))

    def send(self, peer: Peer, packet: bytes) -> None:
        """Bytes as they are: also to REAPER, which has addresses of its own."""
        if self._open:
            host = f"::ffff:{peer[0]}" if self._socket.family == socket.AF_INET6 and ":" not in peer[0] else peer[0]
            with contextlib.suppress(OSError):
                self._socket.sendto(packet, (host, peer[1]))

    def _drain(self) -> None:
        """Take datagrams from the system; they are decoded a few at a time, so that this runs in between."""
        was_idle = not self.waiting
        for _ in range(MAX_DRAIN):
            if not self._open:
                return
            try:
                data, address = self._socket.recvfrom(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an earlier datagram of ours found no listener (ICMP): that surface expires by itself
            if len(self.waiting) < MAX_WAITING:
                self.waiting.append((peer_of(address), data))
        if was_idle and self.waiting:
            asyncio.get_running_loop().call_soon(self._decode_some)

    def _decode_some(self) -> None:
        try:
            for _ in range(min(DECODE_AT_ONCE, len(self.waiting))):
                self.take(*self.waiting.popleft())
        finally:
            if self.waiting:
                asyncio.get_running_loop().call_soon(self._decode_some)

    def take(self, sender: Peer, data: bytes) -> None:
        """One datagram; strangers are not heard."""
        if self._callbacks is not None and is_allowed(sender[0], self._allowed):
            hand_on(sender, data, self._callbacks)

"""The surfaces that feedback goes to: who registered, who is silent, who just moved a fader. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic

ECHO_SECONDS = 0.3
EXPIRY_SECONDS = 600.0
MAX_SURFACES = 32

Peer = tuple[str, int]


@dataclass
class Surface:
    """One place that feedback is sent to; `touched` holds when it last set each address itself."""

    reply_to: Peer
    last_heard: float
    permanent: bool = False
    touched: dict[str, float] = field(default_factory=dict)


class Surfaces:
    """All surfaces, by the address they speak from."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._surfaces: dict[Peer, Surface] = {}

    def add_permanent(self, peer: Peer) -> None:
        """A surface named in the settings: it never expires."""
        self._surfaces[peer] = Surface(peer, self._clock(), permanent=True)

    def heard(self, sender: Peer) -> Surface:
        """A surface registers by speaking; feedback goes to the port it speaks from unless it names another."""
        surface = self._surfaces.get(sender)
        if surface is None:
            self._expire()
            surface = self._surfaces[sender] = Surface(sender, self._clock())
        surface.last_heard = self._clock()
        return surface

    def register(self, sender: Peer, port: int) -> None:
        """Feedback for the sender goes to this port of its address."""
        self.heard(sender).reply_to = (sender[0], port)

    def unregister(self, sender: Peer) -> None:
        self._surfaces.pop(sender, None)

    def touch(self, sender: Peer, path: str) -> None:
        """The sender set this address: for 300 ms the value is not echoed to it (fader fight)."""
        self.heard(sender).touched[path] = self._clock()

    def targets(self, path: str) -> list[Peer]:
        """Where feedback for an address goes now, each place once."""
        self._expire()
        now = self._clock()
        fresh = [s for s in self._surfaces.values() if now - s.touched.get(path, -ECHO_SECONDS) >= ECHO_SECONDS]
        return list(dict.fromkeys(s.reply_to for s in fresh))

    def __len__(self) -> int:
        return len(self._surfaces)

    def _expire(self) -> None:
        now = self._clock()
        silent = [p for p, s in self._surfaces.items() if not s.permanent and now - s.last_heard > EXPIRY_SECONDS]
        for peer in silent:
            del self._surfaces[peer]
        passing = sorted((p for p, s in self._surfaces.items() if not s.permanent), key=self._age, reverse=True)
        for peer in passing[MAX_SURFACES:]:
            del self._surfaces[peer]

    def _age(self, peer: Peer) -> float:
        return self._surfaces[peer].last_heard


def is_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Whether a peer may speak: this machine always, others by address. A text that is no address never."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or str(address) in allowed

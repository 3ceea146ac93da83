"""The surfaces that feedback goes to: who registered, who is silent, who just moved a fader. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import inf
from time import monotonic

ECHO_SECONDS = 0.3
EXPIRY_SECONDS = 600.0
REGISTERED_SECONDS = 7200.0  # one that asked for feedback may only look on
MAX_SURFACES = 32

Peer = tuple[str, int]


@dataclass
class Surface:
    """One place that feedback is sent to; `touched` holds when it last set each address itself."""

    reply_to: Peer
    last_heard: float
    permanent: bool = False
    registered: bool = False
    touched: dict[str, float] = field(default_factory=dict)

    @property
    def expiry_seconds(self) -> float:
        """How long it may be silent."""
        return inf if self.permanent else REGISTERED_SECONDS if self.registered else EXPIRY_SECONDS


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
            surface = self._surfaces[sender] = Surface(self._listening_place(sender), self._clock())
        surface.last_heard = self._clock()
        return surface

    def _listening_place(self, sender: Peer) -> Peer:
        """Another machine that was named in the settings speaks from a port that it does not listen on."""
        named = [p for p, s in self._surfaces.items() if s.permanent and p[0] == sender[0]]
        return named[0] if len(named) == 1 and not ip_address(sender[0]).is_loopback else sender

    def register(self, sender: Peer, port: int) -> None:
        """Feedback for the sender goes to this port of its address."""
        surface = self.heard(sender)
        surface.reply_to, surface.registered = (sender[0], port), True

    def registered(self) -> list[Peer]:
        """Where those that asked for feedback listen."""
        return list(dict.fromkeys(s.reply_to for s in self._surfaces.values() if s.registered))

    def unregister(self, sender: Peer) -> None:
        """Nothing more for the sender, nor for the port that it named."""
        gone = self._surfaces.pop(sender, None)
        if gone is not None and not gone.permanent:
            same = [p for p, s in self._surfaces.items() if s.reply_to == gone.reply_to and not s.permanent]
            for peer in same:
                del self._surfaces[peer]

    def forget(self, sender: Peer) -> None:
        """A connection was closed: nothing can be sent there any more."""
        self._surfaces.pop(sender, None)

    def reply_to(self, sender: Peer) -> Peer:
        """Where answers for a sender go."""
        surface = self._surfaces.get(sender)
        return surface.reply_to if surface else sender

    def touch(self, sender: Peer, path: str) -> None:
        """The sender set this address: for 300 ms the value is not echoed to it (fader fight)."""
        self.heard(sender).touched[path] = self._clock()

    def targets(self, path: str, asked_only: bool = False) -> list[Peer]:
        """Where feedback for an address goes now, each place once; to those alone that asked for it, if so wanted."""
        self._expire()
        touching = self._touching(path)
        found = [s for s in self._surfaces.values() if s.registered or s.permanent or not asked_only]
        return [p for p in dict.fromkeys(s.reply_to for s in found) if p not in touching]

    def touching(self, path: str) -> bool:
        """Whether some surface set this address in the last 300 ms."""
        return bool(self._touching(path))

    def _touching(self, path: str) -> set[Peer]:
        """By where they listen: a surface may speak from several ports of its own and be one place."""
        since = self._clock() - ECHO_SECONDS
        return {s.reply_to for s in self._surfaces.values() if s.touched.get(path, -inf) > since}

    def __len__(self) -> int:
        return len(self._surfaces)

    def _expire(self) -> None:
        now = self._clock()
        silent = [p for p, s in self._surfaces.items() if now - s.last_heard > s.expiry_seconds]
        for peer in silent:
            del self._surfaces[peer]
        passing = sorted((p for p, s in self._surfaces.items() if not s.permanent), key=self._worth, reverse=True)
        for peer in passing[MAX_SURFACES:]:
            del self._surfaces[peer]

    def _worth(self, peer: Peer) -> tuple[bool, float]:
        """Those that asked for feedback are kept before those that only spoke, then those heard last."""
        return self._surfaces[peer].registered, self._surfaces[peer].last_heard


def is_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Whether a peer may speak: this machine always, others by address. A text that is no address never."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or str(address) in allowed or str(address).partition("%")[0] in allowed

"""Where feedback goes: who registered, who is silent, who just moved a fader. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import inf
from time import monotonic

from bridge.osc.transport.surface import Peer

ECHO_SECONDS = 0.3
EXPIRY_SECONDS = 600.0
REGISTERED_SECONDS = 7200.0  # one that asked for feedback may only look on
ASKED_AGAIN_SECONDS = 10.0  # who asks more often says that it is there, and knows everything
MAX_TARGETS = 128  # at 50 values a second each of them is a few thousand datagrams a second


@dataclass
class Target:
    """One place that feedback is sent to; `touched` holds when it last set each address itself."""

    reply_to: Peer
    last_heard: float
    permanent: bool = False
    registered: bool = False
    asked: float = -inf  # when it last asked for feedback
    touched: dict[str, float] = field(default_factory=dict)

    @property
    def expiry_seconds(self) -> float:
        """How long it may be silent."""
        return inf if self.permanent else REGISTERED_SECONDS if self.registered else EXPIRY_SECONDS


class FeedbackTargets:
    """All places that feedback goes to, by the address they speak from."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._targets: dict[Peer, Target] = {}

    def add_permanent(self, peer: Peer) -> None:
        """A surface named in the settings: it never expires."""
        self._targets[peer] = Target(peer, self._clock(), permanent=True)

    def heard(self, sender: Peer) -> Target:
        """A surface registers by speaking; feedback goes to the port it speaks from unless it names another."""
        target = self._targets.get(sender)
        if target is None:
            self._expire()
            target = self._targets[sender] = Target(self._listening_place(sender), self._clock())
        target.last_heard = self._clock()
        return target

    def _listening_place(self, sender: Peer) -> Peer:
        """Another machine that was named in the settings speaks from a port that it does not listen on."""
        named = [p for p, s in self._targets.items() if s.permanent and p[0] == sender[0]]
        return named[0] if len(named) == 1 and not ip_address(sender[0]).is_loopback else sender

    def register(self, sender: Peer, port: int) -> bool:
        """Feedback for the sender goes to this port of its address. Whether it should be told everything."""
        target = self.heard(sender)
        is_new = target.reply_to != (sender[0], port) or self._clock() - target.asked > ASKED_AGAIN_SECONDS
        target.asked = self._clock()
        target.reply_to, target.registered = (sender[0], port), True
        return is_new

    def restore(self, peer: Peer) -> None:
        """One that asked an earlier controller."""
        target = self.heard(peer)
        target.reply_to, target.registered = peer, True

    def registered(self) -> list[Peer]:
        """Where those that asked for feedback listen."""
        return list(dict.fromkeys(s.reply_to for s in self._targets.values() if s.registered))

    def unregister(self, sender: Peer) -> None:
        """Nothing more for the sender, nor for the port that it named."""
        gone = self._targets.pop(sender, None)
        if gone is not None and not gone.permanent:
            same = [p for p, s in self._targets.items() if s.reply_to == gone.reply_to and not s.permanent]
            for peer in same:
                del self._targets[peer]

    def forget(self, sender: Peer) -> None:
        """A connection was closed: nothing can be sent there any more."""
        self._targets.pop(sender, None)

    def reply_to(self, sender: Peer) -> Peer:
        """Where answers for a sender go."""
        target = self._targets.get(sender)
        return target.reply_to if target else sender

    def touch(self, sender: Peer, path: str) -> None:
        """The sender set this address: for 300 ms the value is not echoed to it (fader fight)."""
        self.heard(sender).touched[path] = self._clock()

    def targets(self, path: str, asked_only: bool = False) -> list[Peer]:
        """Where feedback for an address goes now, each place once; to those alone that asked for it, if so wanted."""
        self._expire()
        touching = self._touching(path)
        surfaces = [s for s in self._targets.values() if s.registered or s.permanent or not asked_only]
        return [p for p in dict.fromkeys(s.reply_to for s in surfaces) if p not in touching]

    def touching(self, path: str) -> bool:
        """Whether some surface set this address in the last 300 ms."""
        return bool(self._touching(path))

    def _touching(self, path: str) -> set[Peer]:
        """By where they listen: a surface may speak from several ports of its own and be one place."""
        since = self._clock() - ECHO_SECONDS
        return {s.reply_to for s in self._targets.values() if s.touched.get(path, -inf) > since}

    def __len__(self) -> int:
        return len(self._targets)

    def _expire(self) -> None:
        now = self._clock()
        silent = [p for p, s in self._targets.items() if now - s.last_heard > s.expiry_seconds]
        for peer in silent:
            del self._targets[peer]
        if len(self._targets) > MAX_TARGETS:
            passing = sorted((p for p, s in self._targets.items() if not s.permanent), key=self._worth, reverse=True)
            for peer in passing[MAX_TARGETS:]:
                del self._targets[peer]

    def _worth(self, peer: Peer) -> tuple[bool, float]:
        """Those that asked for feedback are kept before those that only spoke, then those heard last."""
        return self._targets[peer].registered, self._targets[peer].last_heard

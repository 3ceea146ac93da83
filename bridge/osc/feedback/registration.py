"""Surfaces that ask for feedback, kept in a file, so that a controller started again goes on telling them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.feedback.feedback_targets import REGISTERED_SECONDS, FeedbackTargets
from bridge.osc.handlers import Handler
from bridge.osc.transport.listening import is_allowed
from bridge.osc.transport.surface import Peer
from bridge.system.atomic import write_private

SAVED_AGAIN_SECONDS = 60.0


class Registration:
    """The commands by which surfaces ask for feedback and leave; `show_all` tells a new one everything."""

    def __init__(
        self,
        targets: FeedbackTargets,
        kept: RegisteredFile,
        allowed: frozenset[str],
        show_all: Callable[[Peer], None],
    ) -> None:
        self._targets, self._kept, self._show_all = targets, kept, show_all
        self._saved: list[Peer] = []
        self._saved_at = -SAVED_AGAIN_SECONDS
        for host, port in kept.load():
            if is_allowed(host, allowed):
                targets.restore((host, port))

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {f"{ROOT}/register": Handler(self._register), f"{ROOT}/unregister": Handler(self._unregister)}

    def _register(self, sender: Peer, values: tuple[int]) -> None:
        (port,) = values
        if not 0 <= port < 65_536:
            raise OscError(f"{ROOT}/register", str(port), "a port from 1 to 65535, or 0 for the one it is sent from")
        if self._targets.register(sender, port or sender[1]):
            self._show_all(sender)
        self._remember()

    def _unregister(self, sender: Peer, values: tuple[()]) -> None:
        self._targets.unregister(sender)
        self._remember()

    def _remember(self) -> None:
        """Each surface asks every few seconds: the file is written where that is news, or the last time is old."""
        peers, now = self._targets.registered(), time.monotonic()
        if peers != self._saved or now - self._saved_at > SAVED_AGAIN_SECONDS:
            self._saved, self._saved_at = peers, now
            with contextlib.suppress(OSError):  # a convenience, not worth an error on stage
                self._kept.save(peers)


class RegisteredFile:
    """One file in the product's folder. A damaged one counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[Peer]:
        """The places that were saved not too long ago."""
        try:
            saved = json.loads(self._path.read_bytes())
            if time.time() - float(saved["saved"]) > REGISTERED_SECONDS:
                return []
            return [(str(host), int(port)) for host, port in saved["surfaces"] if 0 < int(port) < 65_536]
        except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return []

    def save(self, peers: list[Peer]) -> None:
        """Keep these. Raises OSError."""
        saved = {"saved": time.time(), "surfaces": [list(peer) for peer in peers]}
        write_private(self._path, json.dumps(saved).encode())

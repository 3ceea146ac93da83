"""The surfaces that asked for feedback, in a file, so that a controller started again goes on telling them.

Knows a file, no socket.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from bridge.osc.surfaces import REGISTERED_SECONDS, Peer
from bridge.system.atomic import write_private


class Registered:
    """One file in the product's folder. A damaged one counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[Peer]:
        """The places that were saved not too long ago."""
        try:
            told = json.loads(self._path.read_bytes())
            if time.time() - float(told["saved"]) > REGISTERED_SECONDS:
                return []
            return [(str(host), int(port)) for host, port in told["surfaces"] if 0 < int(port) < 65_536]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def save(self, peers: list[Peer]) -> None:
        """Keep these. Raises OSError."""
        told = {"saved": time.time(), "surfaces": [list(peer) for peer in peers]}
        write_private(self._path, json.dumps(told).encode())

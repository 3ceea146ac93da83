"""A daemon that other machines may use, and a client's home that is linked to it."""

from __future__ import annotations

import socket
from pathlib import Path

from bridge.client import Client, Timeouts
from bridge.protocol import keys
from bridge.protocol.home import Endpoints
from tests.support.patience import HANG_SECONDS


def free_port() -> int:
    """A port that is free together with the next one."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)


class Remote:
    """A daemon that also listens elsewhere, and a client's own home with its link file."""

    def __init__(self, folder: Path) -> None:
        self.server, self.laptop, self.root = folder / "server", folder / "laptop", folder / "music"
        for path in (self.server, self.laptop, self.root):
            path.mkdir()
        keys.allow(self.server, "laptop", keys.own_pair(self.laptop).public)
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.link = self.laptop / "server.json"
        endpoints = Endpoints(self.address, f"tcp://127.0.0.1:{self.port + 1}")
        keys.write_link(self.link, keys.link(self.server, "laptop", endpoints))

    def client(self, seconds: float = 60.0) -> Client:
        return Client.connect(self.laptop, self.link, Timeouts(connect=seconds, reply=HANG_SECONDS))

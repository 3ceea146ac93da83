"""A daemon that other machines may use, and a client's home that is linked to it."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bridge.client import Client, Timeouts
from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.protocol import keys
from bridge.protocol.home import Connection, Endpoints, read_connection
from bridge.protocol.linked import Linked, write_linked
from bridge.protocol.messages import ModelName
from tests.support.daemons import Daemon, running
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES

LINKED_MODEL = ModelName(name="tiny_checkpoint", description="tiny_checkpoint: a checkpoint of yours")


def free_port() -> int:
    """A port that is free together with the next one, of those that no system gives to outgoing connections by itself:
    between its choice and its use another program would be given it.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


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

    def let_render(self) -> None:
        """Have the client's machine hand its jobs on from now on."""
        hand_on(self.laptop, read_connection(self.link))


def hand_on(home: Path, link: Connection, name: str = "gpubox", model: ModelName = LINKED_MODEL) -> None:
    """Have the daemon of a home hand its jobs on to the machine of a link."""
    write_linked(home, Linked(**msgspec.structs.asdict(link), name=name, model=model))


@dataclass
class Pair:
    """A machine that renders and one that only asks."""

    far: Daemon
    near: Daemon


@contextlib.contextmanager
def linked_pair(
    remote: Remote, there: Sequence[str] = (), here: Sequence[str] = (), renderer: str = SINES
) -> Iterator[Pair]:
    """Both machines at work, each with further options, and a check that no process is left of the one that renders."""
    remote.let_render()
    with running(remote.server, "--bind", remote.address, *there, renderer=renderer) as far:
        near = Daemon(remote.laptop, "--model", "", *here, renderer=DEFAULT_RENDERER)
        try:
            near.start()
            yield Pair(far, near)
        finally:
            near.stop()

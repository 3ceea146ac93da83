"""Real daemons for tests, with a renderer that plays sines; none is left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bridge.client import Client, Timeouts
from bridge.client.start import daemon_environment
from bridge.protocol.errors import DaemonNotRunning
from tests.support.paths import TINY
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES

MODEL = TINY
TEXT = {"task": "text-to-audio", "tags": "steps=3", "duration": 0.5, "seed": 7}


def text(tags: str = "steps=3", **fields: object) -> dict[str, object]:
    """A small text-to-audio request; the tags steer the renderer."""
    return {**TEXT, "tags": tags, **fields}


class Daemon:
    """A daemon process in a home of its own."""

    def __init__(self, home: Path, *options: str, renderer: str = SINES) -> None:
        self.home = home
        self._options = ["--renderer", renderer, "--model", str(MODEL), "--journal-bytes", "0", *options]
        self.program = ("-m", "bridge.daemon")
        self.cwd: Path | None = None  # the test's own
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.home.mkdir(exist_ok=True)
        with open(self.home / "daemon.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, "--home", str(self.home), *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=daemon_environment(self.home),
                cwd=self.cwd,
            )
        limit = time.monotonic() + HANG_SECONDS
        while True:
            try:
                self.client(connect=5.0).close()
                return
            except DaemonNotRunning:
                assert self.process.poll() is None and time.monotonic() < limit, self.log()
            time.sleep(0.02)

    def client(self, connect: float = 60.0) -> Client:
        """A client of it."""
        return Client.connect(self.home, timeouts=Timeouts(connect=connect, reply=HANG_SECONDS, reconnect=60.0))

    def log(self) -> str:
        """What it has logged."""
        return (self.home / "daemon.log").read_text("utf-8")

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Terminate it and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(HANG_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


@contextlib.contextmanager
def running(home: Path, *options: str, renderer: str = SINES, cwd: Path | None = None) -> Iterator[Daemon]:
    """A daemon that runs inside the block, and a check that its processes are gone afterwards."""
    daemon = Daemon(home, *options, renderer=renderer)
    daemon.cwd = cwd
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        assert not strays(home), f"processes left behind: {strays(home)}\n{daemon.log()}"


def strays(home: Path) -> list[str]:
    """Command lines of live processes whose environment names this home (Linux; elsewhere nothing is seen)."""
    mark, found = f"ACESTEP_BRIDGE_HOME={home}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if "bridge" in line:
                    found.append(line)
    return found


def is_gone(home: Path, seconds: float = HANG_SECONDS) -> bool:
    """Whether no process of this home is left, at the latest after some seconds."""
    limit = time.monotonic() + seconds
    while strays(home) and time.monotonic() < limit:
        time.sleep(0.05)
    return not strays(home)

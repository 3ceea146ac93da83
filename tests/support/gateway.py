"""A real gateway process for tests, and what is needed to call it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.client.start import daemon_environment
from tests.support.patience import HANG_SECONDS

COMMAND = "from bridge.cli import main; main()"
APP = "fal-ai/ace-step"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class GatewayProcess:
    """`acestep-bridge gateway --json` in a home where a daemon runs."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home, self.options = home, options
        self.url = self.key = ""
        self.environment: dict[str, str] = {}  # besides the daemon's
        self.process: subprocess.Popen[str] | None = None

    def start(self, port: int = 0) -> None:
        words = ["gateway", "--port", str(port), "--json", *self.options]
        with open(self.home / "gateway.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**daemon_environment(self.home), **self.environment},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.home / "gateway.log").read_text()
        told = json.loads(line)
        assert told["pid"] == self.process.pid
        self.url, self.key = told["url"], told["key"]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def stop(self, kill: bool = False) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self.process.wait(HANG_SECONDS)
        self.process.stdout.close()

    def log(self) -> str:
        return (self.home / "gateway.log").read_text("utf-8")

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Answer:
        """Call a path, or a whole address; JSON unless `body` are bytes."""
        url = path if path.startswith("http") else self.url + path
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        key = self.key if key is None else key
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", **told}, method=method)
        if key:
            request.add_header("Authorization", f"Key {key}")
        try:
            with urllib.request.urlopen(request, timeout=HANG_SECONDS) as reply:
                return Answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def submit(self, body: Any, endpoint: str = APP, query: str = "", **headers: str) -> Any:
        answer = self.call("POST", f"/queue/{endpoint}{query}", body, **headers)
        assert answer.status == 200, answer.body
        return answer.json

    def finished(self, call: Any) -> Any:
        """The status of a submitted call when it is COMPLETED."""
        while True:
            answer = self.call("GET", call["status_url"] + "?logs=1")
            if answer.json["status"] == "COMPLETED":
                return answer.json


@contextlib.contextmanager
def gateway_running(home: Path, *options: str) -> Iterator[GatewayProcess]:
    """A gateway that runs inside the block."""
    gateway = GatewayProcess(home, *options)
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.stop()
        assert "Traceback" not in gateway.log(), gateway.log()


def wave_bytes(seconds: float = 1.0, rate: int = 16000) -> bytes:
    """A WAV file in memory."""
    times = np.arange(int(seconds * rate)) / rate
    made = io.BytesIO()
    soundfile.write(made, 0.3 * np.sin(2 * np.pi * 220 * times), rate, format="WAV", subtype="PCM_16")
    return made.getvalue()


def node_modules() -> Path | None:
    """Where the official JavaScript clients are installed, outside the project."""
    folder = os.environ.get("ACESTEP_NODE_PEERS", "")
    found = Path(folder) / "node_modules" / "@fal-ai" / "client"
    return Path(folder) if folder and found.is_dir() else None

"""A client that asks for the jobs of a plan until each is acknowledged, and notes it: in a thread, or as a process.

`python -m tests.crash.asking HOME SEED FILE`. Every other job brings its audio along, which goes through the store.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.client import Client, Timeouts
from bridge.protocol.errors import BridgeError, DaemonLost, DaemonNotRunning, ProtocolError, RequestFailed
from tests.crash.plan import Ask, Plan, plan_of

PASSING = frozenset({"disk_full", "store_busy", "disk_error", "shutting_down", "internal", "unknown_audio"})
_PAUSE_SECONDS = 0.05


class Asking:
    """Asks, notes what was acknowledged in a file, cancels some. Ends when all is acknowledged, or `stop` is set."""

    def __init__(self, home: Path, plan: Plan, notes: Path) -> None:
        self.home, self.plan, self.notes = home, plan, notes
        self.stop = threading.Event()
        self.faults: list[str] = []

    def run(self) -> None:
        """Ask for everything."""
        client: Client | None = None
        try:
            for ask in self.plan.asks:
                self.stop.wait(ask.pause)
                while not self.stop.is_set():
                    client = client or self._connect()
                    if client is None or self._asked(client, ask):
                        break
                    self.stop.wait(_PAUSE_SECONDS)
        finally:
            if client is not None:
                client.close()

    def _connect(self) -> Client | None:
        while not self.stop.is_set():
            with contextlib.suppress(DaemonNotRunning, ProtocolError):
                return Client.connect(self.home, timeouts=Timeouts(connect=3.0, reply=15.0, reconnect=60.0))
            time.sleep(_PAUSE_SECONDS)
        return None

    def _asked(self, client: Client, ask: Ask) -> bool:
        """Whether it was acknowledged, and noted."""
        try:
            job = client.submit(_with_audio(ask), request_id=ask.request_id)
        except (DaemonLost, DaemonNotRunning):
            return False
        except RequestFailed as error:
            if error.code == "internal":
                self.faults.append(f"{ask.request_id}: {error}")
            if error.code not in PASSING:
                raise
            return False
        self._note(ask, job.job_id)
        if ask.cancel:
            with contextlib.suppress(BridgeError):
                client.cancel(job.job_id)
        return True

    def _note(self, ask: Ask, job_id: str) -> None:
        line = json.dumps({"name": ask.request_id, "job_id": job_id}) + "\n"
        file = os.open(self.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)


def read_notes(path: Path) -> dict[str, str]:
    """Job ids by the name of what was asked for."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {note["name"]: note["job_id"] for note in map(json.loads, lines)}


def with_audio(ask: Ask) -> bool:
    """Whether a job brings audio: every third one of an engine that plays sines."""
    return "steps=" in ask.request["tags"] and int(ask.request_id.rpartition("-")[2]) % 3 == 2


def song(seed: int) -> bytes:
    """A second of noise as WAV."""
    file = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 8000)
    soundfile.write(file, noise, 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _with_audio(ask: Ask) -> dict[str, Any]:
    if not with_audio(ask):
        return ask.request
    request = {name: value for name, value in ask.request.items() if name != "duration"}
    return {**request, "task": "inpaint", "start_time": 0.2, "end_time": 0.7, "audio": song(ask.request["seed"])}


def main() -> None:
    """As a process of its own, which may be killed."""
    home, seed, notes = sys.argv[1:]
    Asking(Path(home), plan_of(int(seed)), Path(notes)).run()


if __name__ == "__main__":
    main()

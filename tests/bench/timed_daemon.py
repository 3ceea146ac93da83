"""A daemon and an engine process that note when they hash and when they wait for the disk, for `bridge_overhead`.

`python -m tests.bench.timed_daemon ARGUMENTS OF THE DAEMON`; with `--renderer FILE:make` of this file the
engine process hands out audio that is there already, so that everything else is the bridge's own time. Clocks are the
system's monotonic one, which all processes share.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.wire import Done, RenderJob
from bridge.files import store
from bridge.files.store import AudioStore
from bridge.protocol import frames
from bridge.protocol.messages import ModelName

NOTES = "ACESTEP_BENCH_NOTES"
RATE, SECONDS = 48000, 30
LARGE = 1 << 20
REPORT = {"request": {"bit_depth": "32f"}, "recipe": {"seed": 1}}


Span = tuple[str, float, float]  # kind, began, ended


def note(*spans: Span) -> None:
    """Add spans to the file that the environment names, in one write: noting takes time too."""
    with open(os.environ[NOTES], "a", encoding="utf-8") as file:
        file.write("".join(json.dumps(span) + "\n" for span in spans))


def watch() -> None:
    """From now on this process notes fsyncs and hashes of large data."""
    real_sync, real_hash = os.fsync, hashlib.sha256

    def fsync(file: Any) -> None:
        began = time.monotonic()
        real_sync(file)
        note(("fsync", began, time.monotonic()))

    class Sha256:
        def __init__(self, data: Any = b"") -> None:
            self._digest = real_hash()
            self._spans: list[Span] = []
            self.update(data)

        def update(self, data: Any) -> None:
            began = time.monotonic()
            self._digest.update(data)
            if memoryview(data).nbytes >= LARGE // 32:
                self._spans.append(("hash", began, time.monotonic()))

        def hexdigest(self) -> str:
            note(*self._spans)
            self._spans = []
            return self._digest.hexdigest()

        def digest(self) -> bytes:
            return self._digest.digest()

    def sha256(data: Any = b"", **_: Any) -> Any:
        return Sha256(data) if memoryview(data).nbytes >= LARGE else real_hash(data)

    os.fsync = fsync
    frames.hashlib = SimpleNamespace(sha256=sha256)  # type: ignore[attr-defined]
    store.hashlib = SimpleNamespace(sha256=Sha256)  # type: ignore[attr-defined]


def make(audio_store: AudioStore, device: str) -> ReadyRenderer:
    """The factory that the engine process calls."""
    watch()
    return ReadyRenderer(audio_store)


class ReadyRenderer:
    """Renders at once: noise of the clip's length, written as the engine's results are."""

    device = "cpu"

    def __init__(self, audio_store: AudioStore) -> None:
        from bridge.engine_process import result_files  # torch

        self._store, self._write = audio_store, result_files.write_result
        self._audio = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE * SECONDS)).astype(np.float32)

    def load(self, model: str, on_step: OnStep) -> ModelName:
        return ModelName(name=model)

    def render(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> Done:
        note(("entered", time.monotonic(), time.monotonic()))
        from engine.rendering.render import Render
        from engine.requests import from_dict

        request = from_dict(job.request)
        self._audio[0, 0] += 1e-6  # another file each time
        render = Render(self._audio, RATE, np.zeros((8, 16, 1), np.float32), 1, 2, report=REPORT)
        note(("made", time.monotonic(), time.monotonic()))
        entry = self._write(self._store, job, request, render, {}, ModelName(name="ready"))
        return Done(job_id=job.job_id, results=[entry])


def main(serve: Callable[[list[str]], int]) -> int:
    watch()
    return serve(sys.argv[1:])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from bridge.daemon.main import main as serve

    sys.exit(main(serve))

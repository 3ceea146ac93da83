"""A renderer of real processes for tests of the daemon: a sine of the request's duration, a step each few milliseconds.

The tags steer it: `steps=N`, `step_seconds=X`, `die` (kill -9 of itself in the middle, always), `die_once FILE`,
`deaf` (ignores cancel), `fail` (an error of the engine), `nan` (a result that no JSON can hold). Knows no torch.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore
from bridge.protocol.messages import AudioFile, ModelName, ResultEntry
from engine.audio.buffer import Audio
from engine.audio.write import write_audio
from engine.errors import Cancelled, CheckpointError, OutOfMemory

RATE = 8000


def make(store: AudioStore, device: str) -> SineRenderer:
    """The factory that the engine process calls."""
    return SineRenderer(store)


class SineRenderer:
    def __init__(self, store: AudioStore) -> None:
        self._store = store
        self.device = "cpu"

    def load(self, model: str, on_step: OnStep) -> ModelName:
        on_step("load", 0, 1)
        if model.endswith("broken"):
            raise CheckpointError(f"{model} is damaged. Pull it again.")
        return ModelName(name=model, description="sine")

    def render(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> Done:
        words = dict(w.partition("=")[::2] for w in job.request["tags"].split())
        steps = int(words.get("steps", 3))
        on_log("info", f"{steps} steps")
        for step in range(steps):
            if cancel.is_set() and "deaf" not in words:
                raise Cancelled("cancelled")
            time.sleep(float(words.get("step_seconds", 0.01)))
            on_step("denoise", step + 1, steps)
            if step == steps // 2:
                _misbehave(words)
        count = int(job.request.get("variations", 1))
        return Done(job_id=job.job_id, results=[self._entry(job, v) for v in range(count)])

    def _entry(self, job: RenderJob, variation: int) -> ResultEntry:
        seed = job.request["seed"] + variation
        times = np.arange(int(RATE * job.request.get("duration", 0.5))) / RATE
        samples = np.sin(2 * np.pi * (200 + seed % 500) * times).astype(np.float32)[None]
        made = write_audio(self._store.new_path(".wav"), Audio(samples, RATE), bit_depth="16")
        sha256, path = self._store.adopt(made)
        audio = AudioFile(
            path=str(path),
            sha256=sha256,
            file_name="sine.wav",
            file_size=path.stat().st_size,
            content_type="audio/wav",
            sample_rate=RATE,
            channels=1,
            samples=samples.shape[1],
        )
        model = ModelName(name=job.model, description="sine")
        recipe = {"seed": float("nan") if job.request["tags"] == "nan" else seed}
        return ResultEntry(variation=variation, audio=audio, seed=seed, model=model, recipe=recipe)


def _misbehave(words: dict[str, Any]) -> None:
    if "fail" in words:
        raise OutOfMemory("9 GB needed, 2 GB free.")
    once = Path(words["die_once"]) if "die_once" in words else None
    if "die" in words or (once is not None and not once.exists()):
        if once is not None:
            once.write_text("died")
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

"""Engines for real daemons in tests, loaded by the engine process from this file: one plays sines, one makes noise.

Queue, progress, store and results are the real ones. Tags steer both: `steps=N`, `step_seconds=X`, `die` (kill -9 of
itself in the middle, always), `die_once FILE`, `hang` (for ever, in the middle), `deaf` (ignores cancel), `fail` (an
error of the engine), `nan` (a result that no JSON can hold). The noise has the form of what a request asks for.
Knows no torch.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile

from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore, hash_file
from bridge.protocol.messages import AudioFile, ModelName, ResultEntry
from engine.audio.buffer import Audio
from engine.audio.write import write_audio
from engine.errors import Cancelled, CheckpointError, OutOfMemory
from engine.memory.main_memory import memory_limit

SINES = f"{Path(__file__).resolve()}:make_sine"
NOISE = f"{Path(__file__).resolve()}:make_noise"
SINE_RATE, RATE = 8000, 48000


def make_sine(store: AudioStore, device: str) -> SineRenderer:
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
        times = np.arange(int(SINE_RATE * job.request.get("duration", 0.5))) / SINE_RATE
        samples = np.sin(2 * np.pi * (200 + seed % 500) * times).astype(np.float32)[None]
        made = write_audio(self._store.new_path(".wav"), Audio(samples, SINE_RATE), bit_depth="16")
        sha256, path = self._store.adopt(made)
        audio = AudioFile(
            path=str(path),
            sha256=sha256,
            file_name="sine.wav",
            file_size=path.stat().st_size,
            content_type="audio/wav",
            sample_rate=SINE_RATE,
            channels=1,
            samples=samples.shape[1],
        )
        model = ModelName(name=job.model, description="sine")
        recipe = {"seed": float("nan") if job.request["tags"] == "nan" else seed}
        return ResultEntry(variation=variation, audio=audio, seed=seed, model=model, recipe=recipe)


def _misbehave(words: dict[str, Any]) -> None:
    if "fail" in words:
        raise OutOfMemory("9 GB needed, 2 GB free.")
    if memory_limit() < 1e9 * float(words.get("need_gb", 0)):
        raise OutOfMemory(f"{words['need_gb']} GB needed.")
    if "hang" in words:
        threading.Event().wait()
    once = Path(words["die_once"]) if "die_once" in words else None
    if "die" in words or (once is not None and not once.exists()):
        if once is not None:
            once.write_text("died")
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def render(request: dict[str, Any], seed: int, folder: Path) -> tuple[Path, int]:
    """Noise in the region, or all noise where there is no source; and where the result begins in the source."""
    noise = np.random.default_rng(seed)
    subtype, offset = "PCM_24", 0
    if "audio" in request:
        samples, rate = soundfile.read(request["audio"], dtype="float64", always_2d=True)
        subtype = soundfile.info(request["audio"]).subtype
        before = round(request.get("extend_before_duration", 0) * rate)
        after = round(request.get("extend_after_duration", 0) * rate)
        samples = np.pad(samples, ((before, after), (0, 0)))
        first, last = round(request.get("start_time", 0) * rate), round(request.get("end_time", 0) * rate)
        if request["task"] in ("audio-to-audio", "extract", "complete"):
            first, last = 0, len(samples)
        if before or after:
            first, last = (0, before) if before else (len(samples) - after, len(samples))
    else:
        rate = RATE
        samples = np.zeros((round(request["duration"] * rate), 2))
        first, last = 0, len(samples)
    samples[first:last] = noise.uniform(-0.5, 0.5, samples[first:last].shape)
    if request.get("output") == "clip" or request["task"] == "lego":
        fade = round(request.get("crossfade_seconds", 0.03) * rate)
        offset, stop = max(first - fade, 0), min(last + fade, len(samples))
        samples = samples[offset:stop]
    return _write(samples, rate, subtype, folder), offset


def _write(samples: np.ndarray, rate: int, subtype: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    name = f"{hashlib.sha256(samples.tobytes()).hexdigest()[:32]}-{secrets.token_hex(8)}.wav"
    path = folder / name  # two engine processes may make the same at once
    subtype = subtype if subtype.startswith(("PCM", "FLOAT", "DOUBLE")) else "FLOAT"
    soundfile.write(str(path), samples, rate, subtype=subtype)
    return path


def make_noise(store: AudioStore, device: str) -> NoiseRenderer:
    """The factory that the engine process calls."""
    return NoiseRenderer(store)


class NoiseRenderer(SineRenderer):
    """As the sine renderer (its tags steer the steps), with results in the form that the request asks for."""

    def render(self, job: RenderJob, *rest: Any) -> Any:
        tags = job.request.get("tags") or job.request.get("prompt") or "instrument"
        return super().render(msgspec.structs.replace(job, request={**job.request, "tags": tags}), *rest)

    def _entry(self, job: RenderJob, variation: int) -> ResultEntry:
        request = {**job.request, "seed": job.request["seed"] + variation}
        made, offset = render(request, request["seed"], self._store.new_path(".wav").parent)
        info = soundfile.info(str(made))
        sha256, path = self._store.adopt(made)
        audio = AudioFile(
            path=str(path), sha256=sha256, file_name="noise.wav", file_size=path.stat().st_size,
            content_type="audio/wav", sample_rate=info.samplerate, channels=info.channels, samples=info.frames,
        )  # fmt: skip
        made_from = {name: value for name, value in request.items() if name != "audio"}
        source = {"source_sha256": hash_file(Path(job.request["audio"]))} if "audio" in job.request else {}
        return ResultEntry(
            variation=variation, audio=audio, seed=request["seed"], tags=request["tags"], report={"offset": offset},
            model=ModelName(name=job.model, description="noise"),
            recipe={"recipe": 1, "model": {"name": job.model}, "request": made_from, **source},
        )  # fmt: skip


BRIEF = f"{Path(__file__).resolve()}:make_brief"


def make_brief(store: AudioStore, device: str) -> BriefRenderer:
    """The factory that the engine process calls."""
    return BriefRenderer(store)


class BriefRenderer(NoiseRenderer):
    """A tenth of a second of noise whatever is asked for, at once: for thousands of requests made by chance."""

    def render(self, job: RenderJob, *rest: Any) -> Any:
        request = {**job.request, "duration": 0.1, "tags": "steps=1 step_seconds=0"}
        return super().render(msgspec.structs.replace(job, request=request), *rest)

"""Noise in place of music, in the form of what a request asks for; and an engine for the real daemon that makes it.

`NoiseRenderer` runs in the daemon's engine process: queue, progress, store and results are the real ones.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile

from bridge.engine_process.wire import RenderJob
from bridge.files.store import AudioStore
from bridge.protocol.messages import AudioFile, ModelName, ResultEntry

sys.path.insert(0, str(Path(__file__).parents[1] / "bridge"))

from sine_renderer import SineRenderer

RENDERER = f"{Path(__file__).resolve()}:make"
RATE = 48000


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
        if request["task"] == "audio-to-audio":
            first, last = 0, len(samples)
        if before or after:
            first, last = (0, before) if before else (len(samples) - after, len(samples))
    else:
        rate = RATE
        samples = np.zeros((round(request["duration"] * rate), 2))
        first, last = 0, len(samples)
    samples[first:last] = noise.uniform(-0.5, 0.5, samples[first:last].shape)
    if request.get("output") == "clip":
        fade = round(request.get("crossfade_seconds", 0.03) * rate)
        offset, stop = max(first - fade, 0), min(last + fade, len(samples))
        samples = samples[offset:stop]
    return _write(samples, rate, subtype, folder), offset


def _write(samples: np.ndarray, rate: int, subtype: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / (hashlib.sha256(samples.tobytes()).hexdigest() + ".wav")
    subtype = subtype if subtype.startswith(("PCM", "FLOAT", "DOUBLE")) else "FLOAT"
    soundfile.write(str(path), samples, rate, subtype=subtype)
    return path


def make(store: AudioStore, device: str) -> NoiseRenderer:
    """The factory that the engine process calls."""
    return NoiseRenderer(store)


class NoiseRenderer(SineRenderer):
    """As the sine renderer (its tags steer the steps), with results in the form that the request asks for."""

    def render(self, job: RenderJob, *rest: Any) -> Any:
        tags = job.request.get("tags") or job.request["prompt"]
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
        return ResultEntry(
            variation=variation, audio=audio, seed=request["seed"], tags=request["tags"], report={"offset": offset},
            model=ModelName(name=job.model, description="noise"),
            recipe={"recipe": 1, "model": {"name": job.model}, "request": made_from},
        )  # fmt: skip

"""What was rendered, as files in the store and as the daemon is told of them. Knows no model and no queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from bridge.engine_process.wire import RenderJob
from bridge.files.store import AudioStore, hash_file
from bridge.protocol.messages import AudioFile, ModelName, Region, ResultEntry
from engine.rendering.render import Render, write_render
from engine.requests import Request
from engine.requests.recipe import HASHES

_CONTENT_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}


def write_result(
    store: AudioStore, job: RenderJob, request: Any, render: Render, hashes: dict[str, str], model: ModelName
) -> ResultEntry:
    """Write a render into the store, with its recipe; what the daemon is told of it."""
    recipe = {**render.report.get("recipe", {}), **hashes}
    form = "wav" if request.format is UNSET else request.format
    new_path = store.new_path(f".{form}")
    subtype = write_render(new_path, render, recipe).subtype
    sha256, path = store.adopt(new_path)
    words = recipe.get("request", {})
    region = render.report.get("region")
    report = render.report.get("seam_report")
    kept = ("window", "offset", "changed", "regions")
    return ResultEntry(
        variation=render.variation,
        candidate=render.candidate,
        chosen=render.kept,
        audio=_audio_file(job, path, sha256, render, subtype),
        seed=render.seed,
        retake_seed=render.retake_seed,
        tags=str(words.get("tags", "")),
        lyrics=str(words.get("lyrics", "")),
        model=model,
        region=Region(start=region[0], end=region[1]) if region else None,
        seam_report=msgspec.to_builtins(report) if report is not None else None,
        timings={k: float(v) for k, v in render.timings.items()},
        report={k: render.report[k] for k in kept if k in render.report},
        recipe=recipe,
    )


def hashes_of_audio(request: Request, source_sha256: str | None) -> dict[str, str]:
    """What a recipe knows the request's files by; the source's hash may be known."""
    known = {"source_sha256": source_sha256} if source_sha256 else {}
    for field, name in HASHES.items():
        audio = getattr(request, field, UNSET)
        if audio is not UNSET and name not in known:
            known[name] = hash_file(Path(str(audio)))
    return known


def _audio_file(job: RenderJob, path: Path, sha256: str, render: Render, subtype: str) -> AudioFile:
    task = str(job.request.get("task", "audio"))
    return AudioFile(
        path=str(path),
        sha256=sha256,
        file_name=f"{task}-{render.seed}{path.suffix}",
        file_size=path.stat().st_size,
        content_type=_CONTENT_TYPES.get(path.suffix, "application/octet-stream"),
        sample_rate=render.sample_rate,
        channels=int(render.audio.shape[0]),
        samples=int(render.audio.shape[1]),
        subtype=subtype,
    )

"""The real renderer: `engine` loads and renders, results are written into the store. Torch is loaded here."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore, hash_file
from bridge.prompts import written_out
from bridge.protocol.messages import AudioFile, ModelName, Region, ResultEntry
from engine.checkpoints import registry
from engine.errors import Cancelled
from engine.model import Model, Progress, load
from engine.rendering.render import Render, write_render
from engine.requests import PromptToAudio, Request, from_dict
from engine.requests.recipe import HASHES

_CONTENT_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}


def engine_renderer(store: AudioStore, device: str) -> EngineRenderer:
    """The renderer that a daemon starts unless told otherwise."""
    return EngineRenderer(store, device)


class EngineRenderer:
    """One `engine.Model` at a time."""

    def __init__(self, store: AudioStore, device: str) -> None:
        self._store = store
        self._wanted_device = device
        self._model: Model | None = None
        self._name = ModelName(name="")

    @property
    def device(self) -> str:
        """Where the weights are."""
        return self._wanted_device if self._model is None else str(self._model.device)

    def load(self, model: str, on_step: OnStep) -> ModelName:
        """Load a model, letting go of the one before. Raises CheckpointError."""
        self._model = None
        entry = registry.resolve(model)
        self._model = load(
            model,
            device=self._wanted_device,
            memory=os.environ.get("ACESTEP_MEMORY", "auto"),
            on_step=_progress(on_step),
            speed=os.environ.get("ACESTEP_SPEED", "auto"),
            cache_folder=self._store.folder.parent / "latents",
        )
        self._name = ModelName(name=entry.name, description=entry.description)
        return self._name

    def render(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> Done:
        """Render a job; its files lie in the store afterwards. Raises the errors of `engine`."""
        assert self._model is not None
        warnings_of_words: tuple[str, ...] = ()
        request: Request = from_dict(job.request)
        if isinstance(request, PromptToAudio):
            request, warnings_of_words = written_out(request, os.environ)
        with JobLog(on_log):
            renders = self._model.render_all(request, _progress(on_step), cancel)
        if cancel.is_set():
            raise Cancelled("The job was cancelled.")
        hashes = _hashes(request, job.source_sha256)
        results = []
        for index, render in enumerate(renders):
            on_step("write", index, len(renders))
            results.append(self._entry(job, request, render, hashes))
        warnings = list(
            dict.fromkeys([*warnings_of_words, *(w for r in renders for w in r.report.get("warnings", []))])
        )
        return Done(job_id=job.job_id, results=results, warnings=warnings)

    def _entry(self, job: RenderJob, request: Any, render: Render, hashes: dict[str, str]) -> ResultEntry:
        recipe = {**render.report.get("recipe", {}), **hashes}
        form = "wav" if request.format is UNSET else request.format
        new_path = self._store.new_path(f".{form}")
        subtype = write_render(new_path, render, recipe).subtype
        sha256, path = self._store.adopt(new_path)
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
            model=self._name,
            region=Region(start=region[0], end=region[1]) if region else None,
            seam_report=msgspec.to_builtins(report) if report is not None else None,
            timings={k: float(v) for k, v in render.timings.items()},
            report={k: render.report[k] for k in kept if k in render.report},
            recipe=recipe,
        )


def _hashes(request: Request, source_sha256: str | None) -> dict[str, str]:
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


def _progress(on_step: OnStep) -> Any:
    def told(progress: Progress) -> None:
        on_step(progress.stage, progress.step, progress.steps)

    return told


class JobLog(logging.Handler):
    """While it is entered, what `engine` logs goes to the job's log too."""

    def __init__(self, on_log: OnLog) -> None:
        super().__init__(logging.INFO)
        self._on_log = on_log

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        self._on_log(record.levelname.lower(), record.getMessage())

    def __enter__(self) -> JobLog:
        logging.getLogger("engine").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("engine").removeHandler(self)

"""The real renderer: `engine` loads and renders, `result_files.py` writes what it made. Torch is loaded here."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from bridge.engine_process.renderer import OnLog, OnStep
from bridge.engine_process.result_files import hashes_of_audio, write_result
from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore
from bridge.prompts import written_out
from bridge.protocol.messages import ModelName
from engine.checkpoints import registry
from engine.errors import Cancelled
from engine.model import Model, Progress, load
from engine.requests import from_dict


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
        request, warnings_of_words = written_out(from_dict(job.request), os.environ)
        with JobLog(on_log):
            renders = self._model.render_all(request, _progress(on_step), cancel)
        if cancel.is_set():
            raise Cancelled("The job was cancelled.")
        hashes = hashes_of_audio(request, job.source_sha256)
        results = []
        for index, render in enumerate(renders):
            on_step("write", index, len(renders))
            results.append(write_result(self._store, job, request, render, hashes, self._name))
        warnings = list(
            dict.fromkeys([*warnings_of_words, *(w for r in renders for w in r.report.get("warnings", []))])
        )
        return Done(job_id=job.job_id, results=results, warnings=warnings)


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

"""`python -m bridge.engine_process`, started by the daemon: renders its jobs until its standard input ends."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from bridge.engine_process import wire
from bridge.engine_process.child import begin
from bridge.engine_process.line import Line
from bridge.engine_process.renderer import OnLog, OnStep, Renderer, StandsForOthers, find_factory
from bridge.files.store import AudioStore
from bridge.protocol.errors import ErrorContent, ProtocolError, content_of
from bridge.system.priority import let_others_go_first
from engine.errors import Cancelled, CheckpointError, EffectFailed, NotFinite, OutOfMemory

logger = logging.getLogger("bridge.engine_process")


def main() -> int:
    """Render what the daemon orders. Gives the exit status."""
    let_others_go_first()
    start, line = begin()
    worker = Worker(line, start, AudioStore(Path(start.store)))
    while True:
        order = line.orders.get()
        if isinstance(order, wire.Stop):
            line.close()
            return 0
        worker.obey(order)


class Worker:
    """Obeys one order after the other; the renderer is made at the first, since that costs seconds."""

    def __init__(self, line: Line, start: wire.Start, store: AudioStore) -> None:
        self._line = line
        self._start = start
        self._store = store
        self._renderer: Renderer | None = None
        self._model = ""
        self._loaded: wire.Loaded | None = None

    def obey(self, order: wire.Load | wire.RenderJob | wire.AbandonJob) -> None:
        """Load or render, and say how it went."""
        if isinstance(order, wire.Load):
            self._load(order)
        elif isinstance(order, wire.RenderJob):
            self._render(order)

    def _load(self, order: wire.Load) -> None:
        try:
            was_there = self._model == order.model
            self._use(order.model, "")
            if was_there and self._loaded is not None:
                self._line.say(self._loaded)  # each Load has its answer: the daemon waits for one
        except Exception as error:
            logger.exception("load %s", order.model)
            self._line.say(wire.LoadFailed(model=order.model, error=_content(error)))

    def _render(self, job: wire.RenderJob) -> None:
        cancel = self._line.begin(job.job_id)
        try:
            renderer = self._use(job.model, job.job_id)
            message: wire.Said = renderer.render(job, self._step(job.job_id), self._log(job.job_id), cancel)
        except Cancelled:
            message = wire.Stopped(job_id=job.job_id)
        except Exception as error:
            logger.exception("job %s", job.job_id)
            message = wire.Failed(job_id=job.job_id, error=_content(error))
        self._line.end(job.job_id)
        try:
            self._line.say(message)
        except ProtocolError as error:  # such as a number in a report that is none
            logger.exception("job %s", job.job_id)
            self._line.say(wire.Failed(job_id=job.job_id, error=content_of(error)))

    def _use(self, model: str, job_id: str) -> Renderer:
        if self._renderer is None:
            self._renderer = find_factory(self._start.renderer)(self._store, self._start.device)
        if self._model != model:
            self._model = ""
            name = self._renderer.load(model, self._step(job_id))
            self._model = model
            self._loaded = wire.Loaded(model=name, device=self._renderer.device)
            self._line.say(self._loaded)
            if isinstance(self._renderer, StandsForOthers):
                self._line.say(wire.Places(count=self._renderer.places, problems=self._renderer.problems))
        return self._renderer

    def _step(self, job_id: str) -> OnStep:
        def on_step(stage: str, step: int, steps: int) -> None:
            if job_id:
                self._line.say(wire.StepDone(job_id=job_id, stage=stage, step=step, steps=steps))

        return on_step

    def _log(self, job_id: str) -> OnLog:
        def on_log(level: str, text: str) -> None:
            self._line.say(wire.LogText(job_id=job_id, level=level, text=text))

        return on_log


def _content(error: Exception) -> ErrorContent:
    if isinstance(error, ModuleNotFoundError):
        remedy = "Let another machine render (`acestep-bridge link`), or install it: `python3 run.py setup`."
        message = f"This machine cannot render: {error.name} is not installed. {remedy}"
        return ErrorContent(code="engine_unavailable", message=message, remedy=remedy)
    if isinstance(error, OutOfMemory):
        return ErrorContent(code="out_of_memory", message=str(error))
    if isinstance(error, NotFinite):
        return ErrorContent(code="model_not_finite", message=str(error), remedy=error.remedy)
    if isinstance(error, EffectFailed):
        return ErrorContent(code="effect_failed", message=str(error))
    if isinstance(error, CheckpointError):
        return ErrorContent(code="checkpoint", message=str(error))
    return content_of(error)


if __name__ == "__main__":
    sys.exit(main())

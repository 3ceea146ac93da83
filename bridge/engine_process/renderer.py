"""What an engine process runs: anything that loads models and renders jobs into files. Knows no socket and no torch."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from bridge.engine_process.wire import Done, RenderJob
from bridge.files.store import AudioStore
from bridge.protocol.messages import ModelName

OnStep = Callable[[str, int, int], None]  # stage, step, steps
OnLog = Callable[[str, str], None]  # level, text


class Renderer(Protocol):
    """Loads one model at a time and renders one job at a time."""

    def load(self, model: str, on_step: OnStep) -> ModelName:
        """Make `model` the one that renders. Raises engine.errors.CheckpointError."""

    def render(self, job: RenderJob, on_step: OnStep, on_log: OnLog, cancel: threading.Event) -> Done:
        """Render a job with the loaded model into the store.

        Raises engine.errors: InvalidRequest, OutOfMemory, Cancelled within a step of `cancel` being set.
        """

    @property
    def device(self) -> str:
        """Where it renders, such as cpu or cuda:0."""


@runtime_checkable
class StandsForOthers(Protocol):
    """A renderer that has another machine render: how many jobs that takes at once, and what of it is not as here."""

    places: int
    problems: list[str]


Factory = Callable[[AudioStore, str], Renderer]


def find_factory(name: str) -> Factory:
    """The factory of `module:function` or `/file.py:function`."""
    where, _, function = name.rpartition(":")
    if where.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(where).stem, where)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(where)
    return cast(Factory, getattr(module, function))

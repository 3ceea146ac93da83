"""What runs on a node: a renderer, and a store of audio of its own. No shared file system; Ray calls it.

A request's files come as bytes, once per node, and are found by their SHA-256 afterwards; results go back as bytes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import queue
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil
import ray

from bridge.client.likeness import fingerprint_here
from bridge.engine_process import wire
from bridge.engine_process.renderer import Renderer, find_factory
from bridge.files.store import AudioStore
from bridge.protocol.errors import ErrorContent, content_of
from bridge.protocol.home import home_folder, make_home
from bridge.protocol.messages import ModelName
from bridge.system.version import package_version
from engine.errors import Cancelled, CheckpointError, OutOfMemory
from engine.memory.main_memory import memory_limit

_KEEP_SECONDS = 7 * 86400.0
Event = tuple[bytes, list[bytes]]  # a message of the inner wire, and the audio files of a `Done`


class RenderActor:
    """Renders one job at a time; `cancel` and `has` are answered meanwhile (Ray gives it several threads)."""

    def __init__(self, factory: str, device: str, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        self._results, self._sources = _stores(ray.get_runtime_context().get_node_id())
        self._factory, self._device = factory, device
        self._renderer: Renderer | None = None
        self._model = ""
        self._name = ModelName(name="", description="")
        self._cancels: dict[str, threading.Event] = {}

    def about(self) -> dict[str, str]:
        """Where it runs, of which version it is, and how many bytes a model can have there."""
        node = ray.get_runtime_context().get_node_id()
        about = {"version": package_version(), "host": platform.node(), "pid": str(os.getpid()), "node": node}
        return {**about, "memory": str(_memory())}

    def has(self, hashes: list[str]) -> list[str]:
        """Which of these files are missing here."""
        return [sha256 for sha256 in hashes if self._sources.find(sha256) is None]

    def fingerprints(self, models: list[str]) -> dict[str, str]:
        """Of these models, by name or path, as they are here; "" for one that is not here."""
        return {model: fingerprint_here(model) for model in models}

    def load(self, model: str) -> Event:
        """Load a model: `Loaded` or `LoadFailed`."""
        try:
            renderer = self._use(model, _no_step)
            return _event(wire.Loaded(model=self._name, device=renderer.device)), []
        except Exception as error:
            return _event(wire.LoadFailed(model=model, error=_content(error))), []

    def cancel(self, job_id: str) -> None:
        """Stop that job within a step."""
        self._cancels.setdefault(job_id, threading.Event()).set()

    def render(self, order: bytes, files: dict[str, tuple[str, str]], new: dict[str, bytes]) -> Iterator[Event]:
        """Steps and log lines while it renders, then how it went.

        `files`: request field -> (SHA-256, suffix); `new`: SHA-256 -> bytes, of those that are missing here.
        """
        job = msgspec.json.decode(order, type=wire.RenderJob)
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        cancel = self._cancels.setdefault(job.job_id, threading.Event())
        threading.Thread(target=self._work, args=(job, files, new, cancel, events), daemon=True).start()
        while (event := events.get()) is not None:
            yield event
        self._cancels.pop(job.job_id, None)

    def _work(
        self,
        job: wire.RenderJob,
        files: dict[str, tuple[str, str]],
        new: dict[str, bytes],
        cancel: threading.Event,
        events: queue.SimpleQueue[Event | None],
    ) -> None:
        def on_step(stage: str, step: int, steps: int) -> None:
            events.put((_event(wire.StepDone(job_id=job.job_id, stage=stage, step=step, steps=steps)), []))

        def on_log(level: str, text: str) -> None:
            events.put((_event(wire.LogText(job_id=job.job_id, level=level, text=text)), []))

        try:
            on_log("info", f"on {platform.node()}, process {os.getpid()}")
            request = {**job.request, **{name: self._path(*file, new) for name, file in files.items()}}
            renderer = self._use(job.model, on_step)
            done = renderer.render(msgspec.structs.replace(job, request=request), on_step, on_log, cancel)
            events.put((_event(done), [self._taken(entry.audio.path) for entry in done.results]))
        except Cancelled:
            events.put((_event(wire.Stopped(job_id=job.job_id)), []))
        except Exception as error:
            events.put((_event(wire.Failed(job_id=job.job_id, error=_content(error))), []))
        finally:
            events.put(None)

    def _path(self, sha256: str, suffix: str, new: dict[str, bytes]) -> str:
        path = self._sources.find(sha256) or self._sources.put(new[sha256], suffix, sha256)[1]
        return str(path)

    def _taken(self, path: str | None) -> bytes:
        """A result's bytes; the file goes, the daemon keeps it."""
        assert path is not None
        data = Path(path).read_bytes()
        with contextlib.suppress(OSError):
            os.unlink(path)
        return data

    def _use(self, model: str, on_step: Any) -> Renderer:
        if self._renderer is None:
            self._renderer = find_factory(self._factory)(self._results, self._device)
        if self._model != model:
            self._model = ""
            self._name = self._renderer.load(model, on_step)
            self._model = model
        return self._renderer


def _stores(node: str) -> tuple[AudioStore, AudioStore]:
    """Of this actor's results, and of the sources that all actors of a node share; old ones are cleaned."""
    folder = make_home(home_folder()) / "ray" / node
    results, sources = AudioStore(folder / f"results-{os.getpid()}"), AudioStore(folder / "sources")
    for store in (results, sources):
        store.make_folders()
    sources.clean(lambda sha256: False, _KEEP_SECONDS)
    atexit.register(shutil.rmtree, results.folder, ignore_errors=True)
    return results, sources


def _memory() -> int:
    """Of this actor's GPU, else of the machine, within `ACESTEP_MEMORY_LIMIT`."""
    there = int(psutil.virtual_memory().total)
    if ray.get_gpu_ids():
        from engine.memory.device import memory_of_gpu  # loads PyTorch

        there = memory_of_gpu() or there
    return min(there, memory_limit())


def _no_step(stage: str, step: int, steps: int) -> None:
    pass


def _event(message: wire.Said) -> bytes:
    return msgspec.json.encode(message)


def _content(error: Exception) -> ErrorContent:
    where = f"on {platform.node()}"
    if isinstance(error, OutOfMemory):
        return ErrorContent(code="out_of_memory", message=f"{error} ({where})")
    if isinstance(error, CheckpointError):
        return ErrorContent(code="checkpoint", message=f"{error} ({where})")
    return content_of(error)

"""Executors: who renders jobs. The runner hands a job to a worker and hears progress, cancel and result; nothing else
knows which executor it is.

`LocalExecutor` has an engine process per device. While another machine is linked, each process has one job rendered
there instead, and there are as many as that machine has places. `bridge.daemon.ray_executor` has the actors of a Ray
cluster.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.daemon.device_words import devices_of, threads_each
from bridge.daemon.engine import NOTHING, EngineProcess, Names, OnSaid, Outcome, renders_elsewhere
from bridge.daemon.settings import Settings
from bridge.engine_process import wire
from bridge.protocol.messages import EngineState
from engine.errors import InvalidRequest
from engine.extras import how_to_install

MOST_ELSEWHERE = 16  # a process each, 45 MB
_BUSIEST_FIRST = ("busy", "loading", "starting", "idle", "stopped")


class Worker(Protocol):
    """Renders one job at a time."""

    @property
    def loaded_model(self) -> str:
        """Name of the model it has; "" for none."""

    async def render(self, job: wire.RenderJob, on_said: OnSaid) -> Outcome:
        """Render a job. Raises EngineDied (it may be run again elsewhere), EngineNotStarted."""

    async def load(self, model: str) -> None:
        """Load a model outside of a job; a failure is logged."""

    def cancel(self, job_id: str) -> None:
        """Ask for a job to stop within a step."""

    def abandon(self, job_id: str) -> None:
        """End at once what renders a job."""

    async def stop(self) -> None:
        """Let go of the model and of what renders."""


class Executor(Protocol):
    """Workers, and their way up and down."""

    on_change: Callable[[], None]

    @property
    def workers(self) -> Sequence[Worker]:
        """Those that can be used now."""

    @property
    def spreads(self) -> bool:
        """Whether parts of a job are to be made by several workers; else one worker sees to that itself."""

    def describe(self) -> EngineState:
        """The one that does most, for clients."""

    def describe_all(self) -> list[EngineState]:
        """Every one."""

    def kill(self) -> None:
        """End everything at once."""

    async def close(self) -> None:
        """End everything in order."""


class LocalExecutor:
    """An engine process per device on this machine, or per place of the machine that renders for it."""

    def __init__(self, settings: Settings, make: Callable[..., EngineProcess] = EngineProcess) -> None:
        devices = devices_of(settings.device)
        threads = {"OMP_NUM_THREADS": str(threads_each(devices))} if len(devices) > 1 else {}
        self._settings, self._make = settings, make
        self._here, self._there = len(devices), 1
        self.on_change: Callable[[], None] = lambda: None
        self.engines: list[EngineProcess] = []
        for device in devices:
            self._add(device, threads if device == "cpu" else NOTHING)

    @property
    def workers(self) -> Sequence[EngineProcess]:
        """All of them; a process that has ended is started again by its next job."""
        return self.engines[: self._there if renders_elsewhere(self._settings) else self._here]

    @property
    def spreads(self) -> bool:
        """A linked machine gets whole jobs, which it finds again by their ids, and spreads them itself."""
        return not renders_elsewhere(self._settings)

    def describe(self) -> EngineState:
        """The process that does most."""
        return min(self.describe_all(), key=lambda state: _BUSIEST_FIRST.index(state.state))

    def describe_all(self) -> list[EngineState]:
        """In the order of the devices."""
        return [engine.describe() for engine in self.workers]

    def kill(self) -> None:
        """End the processes at once."""
        for engine in self.engines:
            engine.kill()

    async def close(self) -> None:
        """End the processes in order."""
        await asyncio.gather(*(engine.close() for engine in self.engines))

    def _add(self, device: str, environment: Names = NOTHING) -> None:
        engine = self._make(self._settings, device=device, environment=environment)
        engine.on_places = self._follow
        self.engines.append(engine)

    def _follow(self, places: wire.Places) -> None:
        """The linked machine said how many jobs it takes at once."""
        self._there = min(max(1, places.count), MOST_ELSEWHERE)
        while len(self.engines) < self._there:
            self._add(self.engines[0].device_wanted)
        self.on_change()


def make_executor(settings: Settings) -> Executor:
    """The executor that the settings name. Raises InvalidRequest for a device, EngineError for Ray that is not here."""
    if settings.executor != "ray":
        return LocalExecutor(settings)
    from bridge.daemon.ray_executor import RayExecutor

    if importlib.util.find_spec("ray") is None:
        raise InvalidRequest("executor", "ray", "an installed ray", f"Install it: {how_to_install('ray')}")
    return RayExecutor(settings)

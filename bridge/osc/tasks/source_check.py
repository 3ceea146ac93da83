"""The source and the region, looked at as soon as they are set: what a task would refuse is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.controls.state import EDGE_FIELDS, REAPER, SOURCE, Controls
from engine.audio.files import probe
from engine.errors import InvalidRequest

INTERVAL_SECONDS = 0.1

Problem = tuple[str, str, str]  # address, got, expected


class SourceCheck:
    """Run `run` as a task; `put` says that source or region changed. `tell` gets what is wrong, once."""

    def __init__(self, controls: Controls, tell: Callable[[str, str, str], None]) -> None:
        self._controls, self._tell = controls, tell
        self._woken = asyncio.Event()
        self._told: Problem | None = None

    def put(self) -> None:
        """Source or region changed."""
        self._woken.set()

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            values = dict(self._controls.values)
            problem = None
            if values.get(SOURCE) and not values.get(REAPER):
                edges = {name: values[name] for name in EDGE_FIELDS if name in values}
                problem = await asyncio.to_thread(_problem, values[SOURCE], edges)
            if problem is not None and problem != self._told:
                self._tell(*problem)
            self._told = problem
            await asyncio.sleep(INTERVAL_SECONDS)


def _problem(source: str, edges: dict[str, float | str]) -> Problem | None:
    """What is wrong with them; opens the file's head."""
    try:
        length = probe(source).duration_seconds
    except InvalidRequest as error:
        return f"{ROOT}/source", error.got, error.expected
    except OSError as error:
        return f"{ROOT}/source", str(error), "a file that can be read"
    for name in ("start_time", "end_time"):
        seconds = float(edges.get(name, 0.0))
        if seconds > length + 1e-3:
            return f"{ROOT}/region", f"{name} {seconds:g}", f"seconds inside the source, which has {length:.3f} s"
    return None

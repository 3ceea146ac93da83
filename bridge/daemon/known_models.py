"""What is known of models, and of memory, before one is loaded; what was looked at a moment ago is not looked at again.

A daemon asks for each job that is submitted or shown, and looking takes files of a folder that may be far away.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bridge.daemon import validate, views
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.pauses import keep_out_of_collections
from bridge.jobs.own_models import place_of
from bridge.protocol.errors import UnknownThing
from engine.families.facts import Facts
from engine.memory.main_memory import free_main_memory
from engine.requests import Request

SECONDS = 1.0
_MOST = 20  # models
_CHECKS = "engine.requests.extent"  # which loads numpy


class KnownModels:
    """All methods are called on one running loop."""

    def __init__(self, threads: FileThreads, clock: Callable[[], float] = time.monotonic) -> None:
        self._threads, self._clock = threads, clock
        self._facts: dict[str, tuple[float, Facts]] = {}  # and when they were found
        self._default: tuple[float, str] | None = None
        self._memory: tuple[float, int] | None = None
        self._settles: set[tuple[str, type[Request]]] = set()  # tasks that were settled with a model's own defaults

    async def facts_of(self, model: str) -> Facts:
        """What the files of a model say."""
        found = self._facts.get(model)
        if found is None or self._clock() - found[0] > SECONDS:
            found = self._facts[model] = self._clock(), await self._threads.run(validate.facts_of_model, model)
            self._settles.clear()
            while len(self._facts) > _MOST:
                del self._facts[next(iter(self._facts))]
        return found[1]

    async def check(self, name: str, home: Path | None) -> str:
        """The name, or where the checkpoint of this machine's user lies that a recipe names so: recipes hold no paths.

        Raises UnknownThing.
        """
        return await self._threads.run(_named, name, home)

    async def get_ready(self) -> None:
        """Load what checks of requests need, which takes a fraction of a second, without holding anybody up."""
        if _CHECKS not in sys.modules:
            await self._threads.run(_load_checks)

    def check_memory(self, request: Request, model: str, facts: Facts) -> None:
        """Raises InvalidRequest where the results of a task without a source do not fit, or the model's own defaults
        are none. What is surely small is settled once for a model and task, not each time, which takes longer.
        """
        kind = model, type(request)
        if kind not in self._settles or not validate.surely_fits(request, facts, self.free_memory()):
            validate.check_memory(request, facts, self.free_memory())
            self._settles.add(kind)

    def free_memory(self) -> int:
        """Bytes of main memory that programs can have."""
        if self._memory is None or self._clock() - self._memory[0] > SECONDS:
            self._memory = self._clock(), free_main_memory()
        return self._memory[1]

    def default(self) -> str:
        """The model that is taken where none is named."""
        if self._default is None or self._clock() - self._default[0] > SECONDS:
            self._default = self._clock(), views.default_model()
        return self._default[1]


def _load_checks() -> None:
    importlib.import_module(_CHECKS)
    keep_out_of_collections()


def _named(name: str, home: Path | None) -> str:
    try:
        return views.check_model(name)
    except UnknownThing:
        place = None if home is None else place_of(home, name)
        if place is None:
            raise
        return str(place)

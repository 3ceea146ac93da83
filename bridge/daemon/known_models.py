"""What is known of models, and of memory, before one is loaded; what was looked at a moment ago is not looked at again.

A daemon asks for each job that is submitted or shown, and looking takes files of a folder that may be far away: of many
requests at once a single one looks, and while it does, what was known a moment ago still counts.
"""

from __future__ import annotations

import asyncio
import importlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bridge.daemon import validate, views
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.pauses import keep_out_of_collections
from bridge.daemon.validate import RECORD_BYTES
from bridge.jobs.own_models import place_of
from bridge.protocol.errors import UnknownThing
from engine.families.facts import Facts
from engine.memory.main_memory import UNLIMITED, free_main_memory
from engine.requests import Request

SECONDS = 1.0
OLD_SECONDS = 5.0  # what is older is not told while it is looked at again
_MOST = 20  # models
_CHECKS = "engine.requests.extent"  # which loads numpy


class KnownModels:
    """All methods are called on one running loop. `folder` is where results are written."""

    def __init__(self, threads: FileThreads, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._threads, self._folder, self._clock = threads, folder, clock
        self._facts: dict[str, tuple[float, Facts]] = {}  # and when they were found
        self._looking: dict[str, asyncio.Task[Facts]] = {}
        self._default: tuple[float, str] | None = None
        self._memory: tuple[float, int] | None = None
        self._room: tuple[float, int] | None = None
        self._settles: set[tuple[str, type[Request]]] = set()  # tasks that were settled with a model's own defaults

    async def facts_of(self, model: str) -> Facts:
        """What the files of a model say, or said a moment ago. Raises RequestFailed (file_timeout)."""
        found = self._facts.get(model)
        age = self._clock() - found[0] if found else OLD_SECONDS
        if found and age <= SECONDS:
            return found[1]
        if model not in self._looking:
            self._looking[model] = asyncio.create_task(self._look(model))
            self._looking[model].add_done_callback(lambda task: self._looked(model, task))
        return found[1] if found and age < OLD_SECONDS else await asyncio.shield(self._looking[model])

    async def _look(self, model: str) -> Facts:
        facts = await self._threads.run(validate.facts_of_model, model)
        before = self._facts.pop(model, None)
        if before is None or before[1] != facts:
            self._settles.clear()
        self._facts[model] = self._clock(), facts
        while len(self._facts) > _MOST:
            del self._facts[next(iter(self._facts))]
        return facts

    def _looked(self, model: str, task: asyncio.Task[Facts]) -> None:
        del self._looking[model]
        if not task.cancelled():
            task.exception()  # told to who waits; nobody may

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
        are none, RequestFailed (disk_full) where the disk has no room for them. What is surely small is settled once
        for a model and task, not each time, which takes longer.
        """
        kind = model, type(request)
        free, room = self.free_memory(), self.room()
        if kind not in self._settles or not validate.surely_fits(request, facts, min(free, room - RECORD_BYTES)):
            validate.check_memory(request, facts, free, room)
            self._settles.add(kind)

    def free_memory(self) -> int:
        """Bytes of main memory that programs can have."""
        if self._memory is None or self._clock() - self._memory[0] > SECONDS:
            self._memory = self._clock(), free_main_memory()
        return self._memory[1]

    def room(self) -> int:
        """Bytes of the disk that results can have."""
        if self._room is None or self._clock() - self._room[0] > SECONDS:
            self._room = self._clock(), _free(self._folder)
        return self._room[1]

    def default(self) -> str:
        """The model that is taken where none is named."""
        if self._default is None or self._clock() - self._default[0] > SECONDS:
            self._default = self._clock(), views.default_model()
        return self._default[1]


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:  # a drive that does not say
        return UNLIMITED


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

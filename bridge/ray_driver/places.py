"""The actors of a cluster: made where there is room, used when they are ready, made again elsewhere when they die."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
import ray.exceptions

from bridge.engine_process import wire
from bridge.ray_driver.actor import RenderActor
from bridge.ray_driver.cluster import ClusterGone, connect, get, give_up, gpus
from bridge.system.version import package_version

logger = logging.getLogger("bridge.ray_driver")
LOOK_SECONDS = 1.0
_WAIT_SECONDS = 0.05
_PING_SECONDS = 2.0
_PASSED_ON = ("ACESTEP_MEMORY", "ACESTEP_SPEED", "OMP_WAIT_POLICY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")


@dataclass(eq=False)
class Place:
    """An actor; `job` is what it is at, "" for nothing."""

    actor: Any
    about: Any  # a reference to what it says of itself, until it is ready
    host: str = ""
    model: str = ""
    job: str = ""
    ready: bool = False


class Places:
    """Keeps as many actors as wanted or as the cluster has GPUs. `tell(count, words)` is called when that changes."""

    def __init__(self, start: wire.Start, tell: Callable[[int, str], None]) -> None:
        self._start, self._tell = start, tell
        self._changed = threading.Condition()
        self._places: list[Place] = []
        self._refused: dict[str, str] = {}
        self._told: tuple[int, str] = (-1, "")
        self._closing = False
        threading.Thread(target=self._keep, name="places", daemon=True).start()

    def take(self, job: str, model: str, cancel: threading.Event, unlike: bool = False) -> Place | None:
        """A free place, one that has the model if there is (`unlike`: rather not); None when cancelled or closed."""
        with self._changed:
            while not cancel.is_set() and not self._closing:
                free = [place for place in self._places if place.ready and not place.job]
                if free:
                    place = min(free, key=lambda p: (p.model == model) == unlike)
                    place.job = job
                    return place
                self._changed.wait(_WAIT_SECONDS)
        return None

    def give_back(self, place: Place) -> None:
        """It can take the next job."""
        with self._changed:
            place.job = ""
            self._changed.notify_all()

    def lose(self, place: Place) -> None:
        """It is gone; another one is made where there is room."""
        with self._changed:
            if place in self._places:
                self._places.remove(place)
        with contextlib.suppress(Exception):
            ray.kill(place.actor)
        self._say()

    def abandon(self, job: str) -> None:
        """End the actor that is at a job at once."""
        with self._changed:
            there = [place for place in self._places if place.job == job]
        for place in there:
            self.lose(place)

    def close(self) -> None:
        """End them all."""
        self._closing = True
        for place in list(self._places):
            with contextlib.suppress(Exception):
                ray.kill(place.actor)
        with contextlib.suppress(Exception):
            ray.shutdown()

    def _keep(self) -> None:
        while not self._closing:
            try:
                if not ray.is_initialized():
                    connect(self._start.cluster, self._start.workers)
                self._look()
            except Exception as error:  # no cluster there yet, or not any more
                if ray.is_initialized():
                    give_up(str(error))
                logger.warning("the cluster %s: %s", self._start.cluster or "of this machine", error)
                self._say(f"The cluster does not answer: {str(error)[:200]}")
                time.sleep(LOOK_SECONDS)
            time.sleep(LOOK_SECONDS if all(p.ready for p in self._places) else 0.1)

    def _look(self) -> None:
        for place in [p for p in self._places if not p.ready]:
            if ray.wait([place.about], timeout=0)[0]:
                self._greet(place)
        self._drop_dead()
        for _ in range(self._wanted() - len(self._places)):
            self._places.append(self._made())
        self._say()

    def _wanted(self) -> int:
        """As many as were asked for, else one per GPU of the cluster, else one."""
        return self._start.workers or gpus() or 1

    def _made(self) -> Place:
        room = {"num_gpus": 1} if gpus() else {"num_cpus": 1}
        kind: Any = ray.remote(RenderActor).options(max_concurrency=4, max_restarts=0, **room)
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        actor: Any = kind.remote(self._start.renderer, self._start.device, passed)
        return Place(actor, actor.about.remote())

    def _greet(self, place: Place) -> None:
        """Use it, if it is of our version; a node with another one is told, never used."""
        try:
            about = get(place.about)
        except ClusterGone:
            raise
        except Exception as error:
            logger.warning("an actor did not start: %s", error)
            self.lose(place)
            return
        if about["version"] != package_version():
            self._refused[about["host"]] = about["version"]
            self.lose(place)
            return
        with self._changed:
            place.host, place.ready = about["host"], True
            self._changed.notify_all()

    def _drop_dead(self) -> None:
        """Those that died while they had nothing to do."""
        for place in [p for p in self._places if p.ready and not p.job]:
            try:
                get(place.actor.has.remote([]), _PING_SECONDS)
            except ray.exceptions.RayActorError:
                self.lose(place)
            except ray.exceptions.GetTimeoutError:
                continue

    def _say(self, words: str = "") -> None:
        count = sum(place.ready for place in self._places)
        refused = [f"{host} has version {version}: not used" for host, version in sorted(self._refused.items())]
        told = (count, "; ".join([*([words] if words else []), *refused]))
        if told != self._told:
            self._told = told
            self._tell(*told)

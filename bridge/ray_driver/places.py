"""The actors of a cluster: made where there is room, used when they are ready, made again elsewhere when they die."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
import ray.exceptions

from bridge.client.likeness import fingerprint_here, other_checkpoint, other_version, own_models
from bridge.engine_process import wire
from bridge.protocol.errors import ErrorContent, failure
from bridge.ray_driver.actor import RenderActor
from bridge.ray_driver.cluster import ClusterGone, check_own_node, connect, get, give_up, gpus
from engine.checkpoints import registry

logger = logging.getLogger("bridge.ray_driver")
LOOK_SECONDS = 1.0
_WAIT_SECONDS = 0.05
_PING_SECONDS = 2.0
_JOIN_SECONDS = 30.0  # how long a job waits for a place that may join with its model
_AGAIN_SECONDS = 60.0  # then a node that was not fit is asked again
_PASSED_ON = ("ACESTEP_MEMORY", "ACESTEP_SPEED", "OMP_WAIT_POLICY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")


@dataclass(eq=False)
class Place:
    """An actor; `job` is what it is at, "" for nothing; `unfit` why it cannot take a model, and when that was asked."""

    actor: Any
    about: Any  # a reference to what it says of itself, until it is ready
    host: str = ""
    node: str = ""
    memory: int = 0  # bytes that a model can have there
    unfit: dict[str, tuple[str, float]] = field(default_factory=dict)
    model: str = ""
    job: str = ""
    ready: bool = False


class Places:
    """Keeps as many actors as wanted or as the cluster has GPUs. `tell(count, problems)` is called at each change."""

    def __init__(self, start: wire.Start, tell: Callable[[int, list[str]], None]) -> None:
        self._start, self._tell = start, tell
        self._changed = threading.Condition()
        self._places: list[Place] = []
        self._refused: dict[str, tuple[str, float]] = {}  # node -> why, and when
        self._weights: dict[str, str] = {}  # model -> fingerprint, where this machine has none of that name
        self._memory: dict[str, int] = {}  # model -> bytes that it takes at full speed
        self._told: tuple[int, list[str]] = (-1, [])
        self._closing = False
        threading.Thread(target=self._keep, name="places", daemon=True).start()

    def take(
        self, job: str, model: str, cancel: threading.Event, unlike: bool = False, more_than: int = 0
    ) -> Place | None:
        """A free place: one that has the model if there is (`unlike`: rather not), then the one with the least memory
        that suffices for full speed. Only those with more bytes than `more_than`. None when cancelled or closed.

        Raises RequestFailed where no node of the cluster has the model, as this machine has it, or none has the memory.
        """
        begun = time.monotonic()
        while not cancel.is_set() and not self._closing:
            place = self._free_one(job, model, unlike, more_than)
            if place is None:
                self._check_that_one_can(model, begun, more_than)
            elif self._fits(place, model):
                return place
            else:
                self.give_back(place)
        return None

    def have_more(self, place: Place) -> bool:
        """Whether a node has more memory than the one of this place."""
        return any(other.memory > place.memory for other in list(self._places))

    def _free_one(self, job: str, model: str, unlike: bool, more_than: int) -> Place | None:
        with self._changed:
            free = [p for p in self._places if p.ready and not p.job and _can(p, model, more_than)]
            if not free:
                self._changed.wait(_WAIT_SECONDS)
                return None
            needed = self._needed(model)
            place = min(free, key=lambda p: ((p.model == model) == unlike, p.memory < needed, p.memory))
            place.job = job
            return place

    def _needed(self, model: str) -> int:
        """Bytes that a named model takes at full speed; 0 for a checkpoint of the user's own."""
        if model not in self._memory:
            named = {entry.name: entry.memory_bytes for entry in registry.entries()}
            self._memory[model] = named.get(model, 0)
        return self._memory[model]

    def _check_that_one_can(self, model: str, begun: float, more_than: int) -> None:
        """A place that could may be on its way; not for ever."""
        there = list(self._places)
        can = [place for place in there if not place.ready or _can(place, model, more_than)]
        waited = time.monotonic() - begun
        if there and (not can or (waited > _JOIN_SECONDS and not any(place.ready for place in can))):
            told = {place.unfit[model][0] for place in there if model in place.unfit}
            reasons = sorted(told | {f"{p.host} ran out of memory" for p in there if p.ready and p.memory <= more_than})
            if reasons:
                raise failure(ErrorContent(code="checkpoint", message=f"No node can render: {'; '.join(reasons)}."))

    def _fits(self, place: Place, model: str) -> bool:
        """Whether the actor's node has the model as this machine has it; asked anew for each change of models."""
        if place.model == model:
            return True
        try:
            theirs = get(place.actor.fingerprints.remote([model]))[model]
        except ClusterGone:
            raise
        except ray.exceptions.RayError:
            self.lose(place)
            return False
        reason = self._reason(place.host, model, theirs)
        with self._changed:
            place.unfit[model] = (reason, time.monotonic())
        self._say()
        return not reason

    def _reason(self, host: str, model: str, theirs: str) -> str:
        """Why a node cannot render with a model, "" if it can. Where this machine has none, the first node's counts."""
        if not theirs:
            return f"{host} has no model {model} (acestep-bridge models pull there)"
        ours = fingerprint_here(model) or self._weights.setdefault(model, theirs)
        return f"not used: {other_checkpoint(host, model, theirs, ours)}" if theirs != ours else ""

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
        check_own_node()
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
        room: dict[str, Any] = {"num_gpus": 1} if gpus() else {"num_cpus": 1}
        if shunned := self._shunned():
            room["label_selector"] = {"ray.io/node-id": f"!in({','.join(shunned)})"}
        kind: Any = ray.remote(RenderActor).options(max_concurrency=4, max_restarts=0, **room)
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        actor: Any = kind.remote(self._start.renderer, self._start.device, passed)
        return Place(actor, actor.about.remote())

    def _shunned(self) -> list[str]:
        """Nodes with another version; each is tried again after a while, since it may have been brought up to date."""
        now = time.monotonic()
        self._refused = {node: told for node, told in self._refused.items() if now - told[1] < _AGAIN_SECONDS}
        return sorted(self._refused)

    def _greet(self, place: Place) -> None:
        """Use it, if it is of our version; a node with another one is told, never used. What models this machine has
        are compared at once, so that `doctor` tells before a job meets a difference.
        """
        try:
            about = get(place.about)
            theirs = get(place.actor.fingerprints.remote(list(own_models())))
        except ClusterGone:
            raise
        except Exception as error:
            logger.warning("an actor did not start: %s", error)
            self.lose(place)
            return
        words = other_version(about["host"], about["version"])
        if words:
            self._refused[about["node"]] = (f"not used: {words}", time.monotonic())
            self.lose(place)
            return
        place.host, place.node, place.memory = about["host"], about["node"], int(about["memory"])
        now = time.monotonic()
        place.unfit.update({model: (self._reason(place.host, model, found), now) for model, found in theirs.items()})
        with self._changed:
            place.ready = True
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

    def _say(self, problem: str = "") -> None:
        count = sum(place.ready for place in self._places)
        refused = [reason for reason, _ in self._refused.values()]
        unfit = [reason for place in list(self._places) for reason, _ in list(place.unfit.values()) if reason]
        told = (count, [*([problem] if problem else []), *sorted({*refused, *unfit})])
        if told != self._told:
            self._told = told
            self._tell(*told)


def _can(place: Place, model: str, more_than: int) -> bool:
    return place.memory > more_than and not _is_unfit(place, model)


def _is_unfit(place: Place, model: str) -> bool:
    """As far as it was asked lately: a model may be pulled there meanwhile."""
    reason, asked = place.unfit.get(model, ("", 0.0))
    return bool(reason) and time.monotonic() - asked < _AGAIN_SECONDS

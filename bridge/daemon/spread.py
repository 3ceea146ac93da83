"""One job on several workers: its variations, or the candidates of its one variation, in as many parts as are idle.

    variations 5, candidates 2, 3 workers     variations 0 1 | 2 3 | 4, each with its 2 candidates
    variations 1, candidates 4, 2 workers     candidates 0 1 | 2 3

A part is a request of its own whose seeds follow from the whole one's, so its results are those that one worker makes:
bit for bit on processors; on GPUs to rounding, as its batches are smaller (`batch` in recipes says which they are).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from bridge.daemon.engine import EngineDied, EngineNotStarted, OnSaid, Outcome
from bridge.daemon.executor import Worker
from bridge.engine_process import wire
from bridge.protocol.messages import ResultEntry

_STAGES = ("", "load", "encode", "denoise", "decode", "seam", "write")


@dataclass(frozen=True)
class Part:
    """Items of a request that one worker makes: `first` is the number of its first variation, or candidate."""

    request: dict[str, Any]
    variations: bool
    first: int


def items_of(request: dict[str, Any]) -> int:
    """How many workers a request can be spread over; 1 for one that cannot."""
    if request.get("task") == "prompt-to-audio":  # its other fields are made from the prompt when it is rendered
        return 1
    variations, candidates = int(request.get("variations") or 1), int(request.get("candidates") or 1)
    return variations if variations > 1 else candidates


def parts_of(request: dict[str, Any], count: int) -> list[Part]:
    """A request in `count` parts of nearly equal size, at most `items_of`. Raises InvalidRequest."""
    from engine.requests import from_dict, resolve

    total = items_of(request)
    count = min(count, total)
    resolved = resolve(from_dict(request))
    variations = int(request.get("variations") or 1) > 1
    name, step = ("variations", resolved.candidates) if variations else ("candidates", 1)
    parts, first = [], 0
    for number in range(count):
        size = total // count + (number < total % count)
        seeds = {"seed": resolved.seeds[first * step], "retake_seed": resolved.retake_seeds[first * step]}
        parts.append(Part({**request, **seeds, name: size}, variations, first))
        first += size
    return parts


def joined(parts: Sequence[Part], done: Sequence[wire.Done], job_id: str) -> wire.Done:
    """What the parts made, as one worker would have given it: of each variation the best candidate is chosen."""
    entries = [_placed(entry, part) for part, made in zip(parts, done, strict=True) for entry in made.results]
    best: dict[int, ResultEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.variation, _score(entry), entry.candidate)):
        best.setdefault(entry.variation, entry)
    entries = [replace(entry, chosen=best[entry.variation] is entry) for entry in entries]
    entries.sort(key=lambda entry: (entry.variation, not entry.chosen, entry.candidate))
    warnings = dict.fromkeys(warning for made in done for warning in made.warnings)
    return wire.Done(job_id=job_id, results=entries, warnings=list(warnings))


def _placed(entry: ResultEntry, part: Part) -> ResultEntry:
    if part.variations:
        return replace(entry, variation=entry.variation + part.first)
    return replace(entry, candidate=entry.candidate + part.first)


def _score(entry: ResultEntry) -> float:
    """Of its seam; a worker's own choice goes first where nothing was joined."""
    report = entry.seam_report or {}
    return float(report.get("score", 0.0)) if report else 0.0


@dataclass(eq=False)
class Spread:
    """Several workers as one, for one job."""

    workers: Sequence[Worker]
    loaded_model: str = ""
    _places: list[tuple[int, float]] = field(default_factory=list)
    _attempt: str = field(default_factory=lambda: secrets.token_hex(4))  # a cancel of one attempt is none of the next

    async def render(self, job: wire.RenderJob, on_said: OnSaid) -> Outcome:
        """Render every part. The first that fails ends the others. Raises EngineDied, EngineNotStarted."""
        parts = parts_of(job.request, len(self.workers))
        self._places = [(0, 0.0)] * len(parts)
        tasks = [
            asyncio.create_task(worker.render(self._order(job, part, number), self._hears(number, on_said)))
            for number, (worker, part) in enumerate(zip(self.workers, parts, strict=False))
        ]
        try:
            outcomes = await self._first_fault(tasks, job.job_id)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if not isinstance(outcome, wire.Done):
                return replace(outcome, job_id=job.job_id)
        return joined(parts, [outcome for outcome in outcomes if isinstance(outcome, wire.Done)], job.job_id)

    async def load(self, model: str) -> None:
        """Load a model on every worker."""
        await asyncio.gather(*(worker.load(model) for worker in self.workers))

    def cancel(self, job_id: str) -> None:
        """Ask every part to stop within a step."""
        for number, worker in enumerate(self.workers):
            worker.cancel(self._part_id(job_id, number))

    def abandon(self, job_id: str) -> None:
        """End at once what renders the parts."""
        for number, worker in enumerate(self.workers):
            worker.abandon(self._part_id(job_id, number))

    async def stop(self) -> None:
        """Let go of what renders."""
        await asyncio.gather(*(worker.stop() for worker in self.workers))

    def _part_id(self, job_id: str, number: int) -> str:
        return f"{job_id}.{self._attempt}.{number}"

    def _order(self, job: wire.RenderJob, part: Part, number: int) -> wire.RenderJob:
        return replace(job, job_id=self._part_id(job.job_id, number), request=part.request)

    async def _first_fault(self, tasks: list[asyncio.Task[Outcome]], job_id: str) -> list[Outcome]:
        """The outcomes; where a part fails or dies, the others are asked to stop, and heard out."""
        waiting: set[asyncio.Task[Outcome]] = set(tasks)
        while waiting:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting and any(task.exception() or not isinstance(task.result(), wire.Done) for task in ended):
                for number in (number for number, task in enumerate(tasks) if task in waiting):
                    self.workers[number].cancel(self._part_id(job_id, number))
        faults = [error for task in tasks if (error := task.exception())]
        if faults:
            raise next((error for error in faults if isinstance(error, EngineDied | EngineNotStarted)), faults[0])
        outcomes = [task.result() for task in tasks]
        failed = [outcome for outcome in outcomes if isinstance(outcome, wire.Failed)]
        return [*failed, *outcomes]

    def _hears(self, number: int, on_said: OnSaid) -> OnSaid:
        """Lines as they come; of steps those of the part that is behind all others."""

        def heard(message: Any) -> None:
            if not isinstance(message, wire.StepDone):
                on_said(message)
                return
            stage = _STAGES.index(message.stage) if message.stage in _STAGES else 0
            self._places[number] = (stage, message.step / max(1, message.steps))
            if self._places[number] == min(self._places):
                on_said(message)

        return heard

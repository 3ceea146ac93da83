"""A job on several workers: parts, what they come to, cancel and death. The contract has it over a real daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.daemon.engine import EngineDied, OnSaid, Outcome
from bridge.daemon.spread import Spread, items_of, joined, parts_of
from bridge.engine_process import wire
from bridge.protocol.errors import ErrorContent
from bridge.protocol.messages import AudioFile, ModelName, ResultEntry
from engine.requests import from_dict, resolve

PIECE = {"task": "text-to-audio", "tags": "house", "duration": 2.0, "seed": 5}
REGION = {"task": "inpaint", "audio": "a.wav", "tags": "x", "start_time": 1.0, "end_time": 2.0, "seed": 2**31 - 2}
RETAKE = {"task": "retake", "tags": "x", "duration": 2.0, "seed": 3}


@given(
    st.sampled_from([PIECE, REGION, RETAKE]), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6),
    st.sampled_from([{}, {"retake_seed": 17}]),
)  # fmt: skip
def test_parts_make_the_items_of_the_whole_each_once(
    request: dict[str, Any], variations: int, candidates: int, count: int, more: dict[str, Any]
) -> None:
    retake = {"retake_seed": 9} if request is RETAKE else {}
    whole = {**request, "variations": variations, "candidates": candidates, **retake, **more}
    resolved = resolve(from_dict(whole))
    parts = parts_of(whole, count)
    assert len(parts) == min(count, items_of(whole)) <= max(variations, candidates)
    seeds: list[tuple[int, int]] = []
    for part in parts:
        of_part = resolve(from_dict(part.request))
        seeds += zip(of_part.seeds, of_part.retake_seeds, strict=True)
    assert seeds == list(zip(resolved.seeds, resolved.retake_seeds, strict=True))


def test_a_seed_that_is_not_given_is_drawn_once_for_all_parts() -> None:
    parts = parts_of({**PIECE, "seed": None, "variations": 4} | {"seed": 8}, 2)
    assert [part.request["seed"] for part in parts] == [8, 10]
    drawn = parts_of({k: v for k, v in PIECE.items() if k != "seed"} | {"variations": 2}, 2)
    assert drawn[1].request["seed"] - drawn[0].request["seed"] == 1


def test_what_is_made_from_a_prompt_is_not_spread() -> None:
    assert items_of({"task": "prompt-to-audio", "prompt": "a song", "variations": 4}) == 1


def entry(variation: int, candidate: int, score: float | None, seed: int = 0) -> ResultEntry:
    audio = AudioFile(
        path="", sha256="", file_name="", file_size=0, content_type="", sample_rate=1, channels=1, samples=1, subtype=""
    )
    return ResultEntry(
        variation=variation, candidate=candidate, chosen=candidate == 0, audio=audio, seed=seed, retake_seed=0, tags="",
        lyrics="", model=ModelName(name="m", description=""), recipe={}, timings={}, report={},
        seam_report=None if score is None else {"score": score},
    )  # fmt: skip


def test_the_best_candidate_of_all_parts_is_chosen_and_comes_first() -> None:
    parts = parts_of({**REGION, "candidates": 4}, 2)
    made = [
        wire.Done(job_id="j.0", results=[entry(0, 0, 0.5), entry(0, 1, 0.4)], warnings=["a"]),
        wire.Done(job_id="j.1", results=[entry(0, 0, 0.1), entry(0, 1, 0.9)], warnings=["a", "b"]),
    ]
    done = joined(parts, made, "j")
    assert [(e.candidate, e.chosen) for e in done.results] == [(2, True), (0, False), (1, False), (3, False)]
    assert done.job_id == "j" and done.warnings == ["a", "b"]


class FakeWorker:
    """Says two steps, waits to be let go, and then does what it is told."""

    loaded_model = ""

    def __init__(self, outcome: Callable[[wire.RenderJob], Outcome]) -> None:
        self.outcome, self.job_id, self.cancelled = outcome, "", asyncio.Event()
        self.go = asyncio.Event()

    async def render(self, job: wire.RenderJob, on_said: OnSaid) -> Outcome:
        self.job_id = job.job_id
        for step in (1, 2):
            on_said(wire.StepDone(job_id=job.job_id, stage="denoise", step=step, steps=2))
            await self.go.wait()
        return wire.Stopped(job_id=job.job_id) if self.cancelled.is_set() else self.outcome(job)

    def cancel(self, job_id: str) -> None:
        if job_id == self.job_id:
            self.cancelled.set()
            self.go.set()


def done(job: wire.RenderJob) -> Outcome:
    return wire.Done(job_id=job.job_id, results=[entry(0, 0, None, job.request["seed"])])


def dies(job: wire.RenderJob) -> Outcome:
    raise EngineDied(9, "")


ORDER = wire.RenderJob(job_id="j", model="m", request={**PIECE, "variations": 2})


def test_the_steps_of_the_slowest_part_are_told_and_results_come_once() -> None:
    async def run() -> None:
        fast, slow = FakeWorker(done), FakeWorker(done)
        fast.go.set()
        heard: list[Any] = []
        work = asyncio.create_task(Spread([fast, slow]).render(ORDER, heard.append))  # type: ignore[list-item]
        await asyncio.sleep(0.01)
        assert [message.step for message in heard] == [1]
        slow.go.set()
        outcome = await work
        assert [message.step for message in heard] == [1, 2] and isinstance(outcome, wire.Done)
        assert [(e.variation, e.seed) for e in outcome.results] == [(0, 5), (1, 6)]

    asyncio.run(run())


@pytest.mark.parametrize("way", ["dies", "fails"])
def test_when_a_part_ends_badly_the_others_are_stopped(way: str) -> None:
    def fails(job: wire.RenderJob) -> Outcome:
        return wire.Failed(job_id=job.job_id, error=ErrorContent(code="out_of_memory", message="9 GB", remedy=""))

    async def run() -> None:
        bad, other = FakeWorker(dies if way == "dies" else fails), FakeWorker(done)
        bad.go.set()
        work = Spread([other, bad]).render(ORDER, lambda message: None)  # type: ignore[list-item]
        if way == "dies":
            with pytest.raises(EngineDied):
                await work
        else:
            outcome = await work
            assert isinstance(outcome, wire.Failed) and outcome.job_id == "j"
        assert other.cancelled.is_set() and not bad.cancelled.is_set()

    asyncio.run(run())


def test_parts_of_two_attempts_have_different_ids() -> None:
    async def run() -> set[str]:
        workers = [FakeWorker(done) for _ in range(4)]
        for worker in workers:
            worker.go.set()
        for pair in (workers[:2], workers[2:]):
            await Spread(pair).render(ORDER, lambda message: None)  # type: ignore[arg-type]
        return {worker.job_id for worker in workers}

    assert len(asyncio.run(run())) == 4


def test_a_cancel_reaches_every_part() -> None:
    async def run() -> None:
        workers = [FakeWorker(done), FakeWorker(done)]
        spread = Spread(workers)  # type: ignore[arg-type]
        work = asyncio.create_task(spread.render(ORDER, lambda message: None))
        await asyncio.sleep(0.01)
        spread.cancel("j")
        outcome = await work
        assert isinstance(outcome, wire.Stopped) and outcome.job_id == "j"

    asyncio.run(run())

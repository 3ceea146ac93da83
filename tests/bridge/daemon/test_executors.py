"""Several engine processes behind one queue: the contract that every executor keeps, the words of `--device`, turns.

The same contract over a linked machine and over a Ray cluster: `python -m tests.executors`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.client import Client
from bridge.daemon import ray_executor
from bridge.daemon.device_words import devices_of
from bridge.daemon.engine import EngineDied
from bridge.daemon.links import check_no_circle
from bridge.daemon.settings import Settings
from bridge.engine_process import wire
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import RequestFailed
from bridge.protocol.home import Endpoints
from bridge.protocol.linked import Linked
from bridge.protocol.messages import ModelName
from engine.errors import InvalidRequest
from tests.support.daemons import running
from tests.support.executor_contract import CHECKS, PLACES, guest_options
from tests.support.renderers import NOISE


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("executor") / "home"
    with (
        running(home, "--device", f"cpu*{PLACES}", *guest_options(home), renderer=NOISE) as daemon,
        daemon.client() as client,
    ):
        yield client


@pytest.mark.parametrize("check", CHECKS)
def test_two_engine_processes_keep_the_contract(check, client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)


def test_devices_are_read_from_words() -> None:
    assert devices_of("cuda:0, cuda:1") == ["cuda:0", "cuda:1"]
    assert devices_of("cpu*2,mps") == ["cpu", "cpu", "mps"]
    assert devices_of("auto") == ["auto"]
    for wrong in ("cuda:", "auto,cpu", "cpu*0", "gpu", "", "cpu*65"):
        with pytest.raises(InvalidRequest):
            devices_of(wrong)


def test_a_job_that_goes_from_one_linked_machine_to_the_next_is_refused_in_the_end() -> None:
    """With real daemons, each linked to the other: `python -m tests.executors`."""
    linked = Linked(
        endpoints=Endpoints("", ""), key="", pid=0, server_public="", client="", name="b", model=ModelName(name="nano")
    )
    for there, links in ((None, 9), (linked, 1), (linked, "no number"), (linked, None)):
        check_no_circle(there, {"links": links})
    with pytest.raises(RequestFailed, match="went through 2 linked machines"):
        check_no_circle(linked, {"links": 2})


def test_clients_take_turns_within_a_priority(tmp_path: Path) -> None:
    """A client that sends a hundred jobs does not keep another one from its first."""
    store = JobStore(tmp_path / "jobs.sqlite3")
    for owner, priority in [("a", 0), ("a", 0), ("a", 1), ("b", 0), ("c", 0), ("b", 0)]:
        store.add(Job(job_id="", task="text-to-audio", request={}, owner=owner, priority=priority))
    turns: dict[str, int] = {}
    order = []
    while (job := store.next_queued(turns)) is not None:
        store.change(job, "running")
        turns[job.owner] = max(turns.values(), default=0) + 1
        order.append(job.owner)
    assert order == ["a", "b", "c", "a", "b", "a"]
    store.close()


@pytest.mark.parametrize(("begun", "counts"), [(True, True), (False, False)])
def test_a_job_that_ends_its_actor_before_the_first_line_counts_as_tried(
    begun: bool, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an actor said last is lost with it: such a job was handed out for ever. Real actors: `tests.executors`."""
    monkeypatch.setattr(ray_executor, "_PAUSE_SECONDS", 0.0)
    worker = ray_executor.RayExecutor(Settings(home=tmp_path)).workers[0]

    async def dies(job: wire.RenderJob, on_said: object) -> None:
        raise EngineDied(None, "gone", begun=begun)

    monkeypatch.setattr(worker._driver, "render", dies)
    with pytest.raises(EngineDied) as died:
        asyncio.run(worker.render(wire.RenderJob(job_id="a", request={}, model="nano"), lambda said: None))
    assert died.value.counts is counts

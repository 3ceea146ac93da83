"""Several engine processes behind one queue: the contract that every executor keeps, the words of `--device`, turns.

The same contract over a linked machine and over a Ray cluster: `python -m tests.executors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.client import Client
from bridge.daemon.device_words import devices_of
from bridge.jobs import Job, JobStore
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

"""Tests of `python -m tests.executors`: the contract and faults of a real Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bridge.cli.doctor.doctor_checks import others_checks
from bridge.client import Client, JobHandle
from bridge.protocol.errors import JobFailed
from bridge.protocol.messages import EngineState
from tests.support.daemons import MODEL, Daemon, running, text
from tests.support.executor_contract import CHECKS, PLACES, guest_options, rendered_at_once
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import NOISE
from tests.support.standstill import let_signals_end_this

MODEL_NAME = "ace-step-v1"
ray_utility = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: the extra ray")


@pytest.fixture(scope="module")
def nodes_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of the nodes' user."""
    home = tmp_path_factory.mktemp("nodes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACESTEP_BRIDGE_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def cluster(nodes_home: Path) -> Iterator[Any]:
    """A head that renders nothing, and two nodes of one place each."""
    cluster = _nodes()
    for _ in range(PLACES):
        cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def _nodes() -> Any:
    """Ray's utility, with its head."""

    class Nodes(ray_utility.Cluster):  # type: ignore[misc, name-defined]
        def add_node(self, **options: Any) -> Any:
            try:
                return super().add_node(**options)
            finally:
                let_signals_end_this()

    return Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})


@pytest.fixture(scope="module")
def daemon(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    home = tmp_path_factory.mktemp("ray") / "home"
    options = ("--executor", "ray", "--address", cluster.address, "--workers", str(PLACES), *guest_options(home))
    # Ray's workers look for modules in the driver's folder first; a checkout there would tell its own version
    folder = home.parent
    with running(home, *options, renderer=NOISE, cwd=folder) as daemon, daemon.client() as client:
        client.submit(text()).result()
        _wait_for_places(client, PLACES)
        yield daemon


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with daemon.client() as client:
        yield client


@pytest.mark.parametrize("check", CHECKS)
def test_a_cluster_keeps_the_contract(check: Any, client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)


def test_a_driver_knows_its_address_towards_the_head() -> None:
    """Nothing where the head is this machine: its nodes elsewhere could not reach a driver on loopback."""
    from bridge.ray_driver.cluster import own_address

    assert [own_address(words) for words in ("127.0.0.1:6379", "auto", "", "no-such-machine.invalid:1")] == [""] * 4


def test_audio_travels_once_per_node(client: Client, nodes_home: Path) -> None:
    """After the contract's inpaints each node has the source once."""
    folders = list((nodes_home / "ray").iterdir())
    assert folders and all(len(list(node.glob("sources/*/*.wav"))) <= 1 for node in folders)


def test_an_idle_actor_that_dies_costs_no_job_an_attempt(client: Client, daemon: Daemon) -> None:
    _wait_for_places(client, PLACES)
    _actors(daemon)[0].kill()
    _wait_for_places(client, PLACES - 1)
    _wait_for_places(client, PLACES)
    job = client.submit(text(seed=8))
    assert job.result().entries[0].seed == 8


def test_jobs_complete_elsewhere_when_a_node_is_lost_and_a_new_one_is_used(cluster: Any, client: Client) -> None:
    jobs = rendered_at_once(client)
    cluster.remove_node(sorted(cluster.worker_nodes, key=lambda node: node.unique_id)[0], allow_graceful=False)
    assert [job.result().entries[0].seed for job in jobs] == list(range(PLACES))
    assert all(len(job.result().entries) == 1 for job in jobs)
    cluster.add_node(num_cpus=1)
    _wait_for_places(client, PLACES)


def test_every_node_can_be_replaced_the_drivers_own_too(cluster: Any, client: Client) -> None:
    for node in list(cluster.worker_nodes):
        cluster.add_node(num_cpus=1)
        cluster.remove_node(node, allow_graceful=False)
        job = client.submit(text(seed=9))
        assert [entry.seed for entry in job.result().entries] == [9]
        _wait_for_places(client, PLACES)


def test_jobs_complete_after_the_driver_was_killed(client: Client) -> None:
    jobs = rendered_at_once(client)
    before = client.hello().engine
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    assert [job.result().entries[0].seed for job in jobs] == list(range(PLACES))
    assert client.hello().engine.restarts > before.restarts  # Ray may tell late of a node that was lost before


def _wait_for_places(client: Client, count: int) -> None:
    _wait_for(client, lambda engine: engine.places == count and engine.pid is not None)


def _wait_for_problem(client: Client, words: str) -> None:
    _wait_for(client, lambda engine: any(words in problem for problem in engine.problems))


def _wait_for(client: Client, is_so: Callable[[EngineState], bool]) -> None:
    """A driver that has lost its node while it had nothing to do is started by the next job."""
    limit = time.monotonic() + HANG_SECONDS
    while not is_so(engine := client.hello().engine):
        if engine.pid is None:
            client.submit(text()).result()
        assert time.monotonic() < limit, engine
        time.sleep(0.1)


@pytest.fixture
def other_node(cluster: Any, client: Client) -> Iterator[Any]:
    """Puts a node whose environment is another one in the place of one of the two; puts it right afterwards."""
    _wait_for_places(client, PLACES)
    nodes = []

    def add(**environment: str) -> None:
        nodes.append(cluster.add_node(num_cpus=1, env_vars=environment))
        cluster.remove_node(next(node for node in cluster.worker_nodes if node not in nodes))

    yield add
    cluster.remove_node(nodes[0])
    cluster.add_node(num_cpus=1)
    _wait_for_places(client, PLACES)


def test_a_node_of_another_version_is_named_and_never_used(
    other_node: Any, client: Client, daemon: Daemon, tmp_path: Path
) -> None:
    """Its workers find another distribution of this package first, as after an update of one machine."""
    about = tmp_path / "site" / "acestep_bridge-99.0.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: acestep-bridge\nVersion: 99.0\n")
    other_node(PYTHONPATH=str(about.parent.parent))
    _wait_for_problem(client, "has acestep-bridge 99.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACESTEP_BRIDGE_HOME", str(daemon.home))
        assert [check.ok for check in others_checks() if "99.0" in check.text] == [False]
    jobs = [client.submit(text(seed=n)) for n in range(4 * PLACES)]
    assert all(job.result() for job in jobs) and len(_processes_of(client, jobs)) == 1
    _wait_for_places(client, PLACES - 1)


@pytest.mark.parametrize(
    ("other", "words"), [(True, "another checkpoint as ace-step-v1"), (False, "no model ace-step")]
)
def test_a_node_without_the_model_is_named_and_gets_other_jobs(
    other: bool, words: str, other_node: Any, client: Client, daemon: Daemon, nodes_home: Path, tmp_path: Path
) -> None:
    for home in (daemon.home, nodes_home, tmp_path):
        shutil.copytree(MODEL, home / "models" / MODEL_NAME, dirs_exist_ok=True)
    if other:
        (tmp_path / "models" / MODEL_NAME / "retrained.json").write_text("{}")
    else:
        shutil.rmtree(tmp_path / "models")
    other_node(ACESTEP_BRIDGE_HOME=str(tmp_path))
    _wait_for_problem(client, words)
    _wait_for_places(client, PLACES)
    held = [client.submit(text("steps=10 step_seconds=0.1", seed=n)) for n in range(PLACES)]
    assert len(_processes_of(client, held)) == PLACES
    jobs = [client.submit(text(seed=n, model=MODEL_NAME)) for n in range(2 * PLACES)]
    assert len(_processes_of(client, jobs)) == 1


def test_a_job_that_runs_out_of_memory_goes_to_a_node_with_more(
    other_node: Any, client: Client, daemon: Daemon
) -> None:
    before = {process.pid for process in _actors(daemon)}
    other_node(ACESTEP_MEMORY_LIMIT="2")
    _wait_for_new_place(client, before)  # both have the model then: the one with less memory comes first
    small = client.submit(text("need_gb=1 steps=1"))
    assert small.result()
    big = client.submit(text("need_gb=4 steps=1"))
    assert big.result()
    told = [" ".join(line.text for line in client.logs(job.job_id).lines) for job in (small, big)]
    assert ["ran out of memory (2.0 GB): on to a node that has more" in text for text in told] == [False, True]


def test_a_model_that_no_node_has_is_refused_with_the_nodes_reasons(
    client: Client, daemon: Daemon, nodes_home: Path
) -> None:
    shutil.copytree(MODEL, daemon.home / "models" / MODEL_NAME, dirs_exist_ok=True)
    shutil.rmtree(nodes_home / "models", ignore_errors=True)
    for actor in _actors(daemon):  # those in their place look for themselves
        actor.kill()
    with pytest.raises(JobFailed, match=rf"No node can render: \S+ has no model {MODEL_NAME}") as failed:
        client.submit(text(model=MODEL_NAME)).result()
    assert failed.value.error.code == "checkpoint"
    assert client.submit(text()).result()


def _processes_of(client: Client, jobs: list[JobHandle]) -> set[str]:
    """What rendered them, as their logs say."""
    assert all(job.result() for job in jobs)
    lines = [line.text for job in jobs for line in client.logs(job.job_id).lines]
    return {line for line in lines if line.startswith("on ") and ", process " in line}


def _wait_for_new_place(client: Client, before: set[int]) -> None:
    """Until jobs that are there at once are rendered by two places, one of which is none of the processes `before`."""
    limit = time.monotonic() + HANG_SECONDS
    while True:
        held = [client.submit(text("steps=10 step_seconds=0.1", seed=n)) for n in range(PLACES)]
        pids = {int(line.rpartition(" ")[2]) for line in _processes_of(client, held)}
        if len(pids) == PLACES and pids - before:
            return
        assert time.monotonic() < limit, pids


def _actors(daemon: Daemon) -> list[psutil.Process]:
    """The actors' processes, which Ray names by their class."""
    return [p for p in psutil.process_iter() if "ray::RenderActor" in " ".join(_words(p))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []

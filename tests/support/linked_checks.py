"""Tests of `python -m tests.executors`: the contract and faults of a linked machine, two daemons with CURVE between."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.doctor.doctor_checks import linked_checks
from bridge.client import Client
from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.protocol import keys
from bridge.protocol.errors import RequestFailed
from bridge.protocol.home import Endpoints
from bridge.protocol.messages import ModelName
from tests.support.daemons import Daemon, running, text
from tests.support.executor_contract import CHECKS, PLACES, guest_options, rendered_at_once
from tests.support.remote import Pair, Remote, free_port, hand_on, linked_pair
from tests.support.renderers import NOISE

FIND_FIRST = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("bridge.daemon", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A machine of several places that renders, and one that asks."""
    remote = Remote(tmp_path_factory.mktemp("linked"))
    there = ("--device", f"cpu*{PLACES}")
    with linked_pair(remote, there, guest_options(remote.laptop), NOISE) as pair:
        with pair.near.client() as client:
            client.submit(text()).result()
            for job in [client.submit(text("steps=10 step_seconds=0.05", seed=n)) for n in range(PLACES)]:
                job.result()  # each process here has connected, which loads the model there
        yield pair


@pytest.fixture
def client(pair: Pair) -> Iterator[Client]:
    with pair.near.client() as client:
        yield client


@pytest.mark.parametrize("check", CHECKS)
def test_a_linked_machine_keeps_the_contract(check: Any, client: Client, tmp_path: Path) -> None:
    check(client, tmp_path)


def test_as_many_jobs_go_there_as_it_has_places(client: Client) -> None:
    assert len(client.hello().engines) == PLACES


@pytest.mark.parametrize("who", ["what follows the jobs here", "the daemon here", "the daemon there"])
def test_jobs_complete_once_whatever_is_killed(pair: Pair, who: str) -> None:
    with pair.near.client() as client, pair.far.client() as there:
        jobs = [job.job_id for job in rendered_at_once(client)]
        total = there.jobs().total
        if who == "what follows the jobs here":
            for engine in client.hello().engines:
                os.kill(engine.pid or 0, signal.SIGKILL)
    killed = {"the daemon here": pair.near, "the daemon there": pair.far}.get(who)
    if killed is not None:
        killed.kill()
        killed.start()
    with pair.near.client() as client, pair.far.client() as there:
        assert [client.job(job).result().entries[0].seed for job in jobs] == list(range(PLACES))
        assert there.jobs().total == total
        assert {job.state for job in there.jobs(limit=PLACES).jobs} == {"completed"}


def test_another_version_there_is_said_with_each_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution of this package is found first there, as after an update of one machine."""
    about = tmp_path / "site" / "acestep_bridge-99.0.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: acestep-bridge\nVersion: 99.0\n")
    remote = Remote(tmp_path)
    remote.let_render()
    far = Daemon(remote.server, "--bind", remote.address)
    far.program = ("-c", FIND_FIRST, str(about.parent.parent))
    with contextlib.ExitStack() as stack:
        far.start()
        stack.callback(far.stop)
        near = stack.enter_context(running(remote.laptop, "--model", "", renderer=DEFAULT_RENDERER))
        with near.client() as client:
            job = client.submit(text())
            assert any("gpubox has acestep-bridge 99.0" in warning for warning in job.result().reply.warnings)
            assert any("99.0" in problem for problem in client.hello().engine.problems)
            assert any("99.0" in line.text for line in client.logs(job.job_id).lines)
        monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(remote.laptop))
        said = [check for check in linked_checks() if "99.0" in check.text]
        assert len(said) == 1 and not said[0].ok


def test_two_machines_that_are_linked_to_each_other_refuse_the_job(tmp_path: Path) -> None:
    """It was handed from one to the other for ever, and waited behind itself."""
    one, other = tmp_path / "one", tmp_path / "other"
    ports = {home: free_port() for home in (one, other)}
    for home in ports:
        home.mkdir()
    for home, peer in ((one, other), (other, one)):
        keys.allow(home, "peer", keys.own_pair(peer).public)
        at = f"tcp://127.0.0.1:{ports[home]}"
        link = keys.link(home, "peer", Endpoints(at, f"tcp://127.0.0.1:{ports[home] + 1}"))
        hand_on(peer, link, home.name, ModelName(name="nano"))
    with contextlib.ExitStack() as stack:
        daemons = []
        for home in (one, other):
            options = ("--model", "", "--bind", f"tcp://127.0.0.1:{ports[home]}")
            daemons.append(stack.enter_context(running(home, *options, renderer=DEFAULT_RENDERER)))
        with daemons[0].client() as client, pytest.raises(RequestFailed, match="went through 2 linked machines"):
            client.submit(text(model="nano")).result()

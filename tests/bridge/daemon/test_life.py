"""The daemon's life with real processes: exact events, crashes, restarts, cancelling, several clients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.client import Client, ensure_daemon
from bridge.jobs import Job, JobStore
from bridge.jobs.retention import Limits, write_limits
from bridge.protocol import errors, lock
from tests.support.daemons import MODEL, Daemon, is_gone, running, text
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("björn 音") / "home") as made:
        yield made


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with daemon.client() as made:
        yield made


ENDLESS = "steps=1000000 step_seconds=0.01"  # until it is cancelled


def wait_until(comes: Callable[[], bool]) -> None:
    limit = time.monotonic() + HANG_SECONDS
    while not comes():
        assert time.monotonic() < limit
        time.sleep(0.01)


def wait_for_step(client: Client, job_id: str, step: int) -> None:
    wait_until(lambda: client.status(job_id).step >= step)


def test_events_of_a_job_are_exact_and_in_order(client: Client) -> None:
    holder = client.submit(text(ENDLESS))
    wait_for_step(client, holder.job_id, 1)
    job = client.submit(text("steps=3"))
    seen: list[tuple[int, str, int]] = []
    ready = threading.Event()

    def listen() -> None:
        for event in job.events():
            seen.append((event.sequence, event.state, event.step))
            ready.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert ready.wait(HANG_SECONDS), "the first look at the job is an event too"
    holder.cancel()
    thread.join(HANG_SECONDS)
    steps = [(2 + step, "running", step) for step in range(4)]
    assert seen == [(1, "queued", 0), *steps, (6, "completed", 0)]


def test_a_job_from_submit_to_result(client: Client) -> None:
    job = client.submit(text("steps=3", variations=2), client_data={"take": "{1}"}, priority=3)
    assert (job.submitted.state, job.submitted.public_state, job.submitted.queue_position) == ("queued", "IN_QUEUE", 1)
    done = job.wait(HANG_SECONDS)
    assert (done.state, done.progress, done.client_data, done.priority) == ("completed", 1.0, {"take": "{1}"}, 3)
    result = job.result("bytes")
    assert [e.seed for e in result.entries] == [7, 8] and result.seed == 7
    assert result.path is not None and result.path.read_bytes() == result.data
    assert result.path.stem == result.sha256 and result.reply.client_data == {"take": "{1}"}
    assert client.jobs(state="completed").jobs[0].job_id == job.job_id
    assert [line.text for line in client.logs(job.job_id).lines] == ["queued", "running", "3 steps", "completed"]
    assert done.model.name == MODEL.name


def test_queue_positions_and_priorities(client: Client) -> None:
    holder = client.submit(text(ENDLESS))
    wait_for_step(client, holder.job_id, 1)
    low, high = client.submit(text()), client.submit(text(), priority=5)
    assert [client.status(j.job_id).queue_position for j in (low, high)] == [2, 1]
    status = client.status(holder.job_id)
    assert (status.state, status.stage, status.steps, status.queue_position) == ("running", "denoise", 1000000, 0)
    holder.cancel()
    assert high.wait(HANG_SECONDS).finished < low.wait(HANG_SECONDS).finished  # type: ignore[operator]


def test_remaining_time_is_told_and_falls(client: Client) -> None:
    job = client.submit(text("steps=60 step_seconds=0.01"))
    told = [s.remaining_seconds for s in job.progress() if s.remaining_seconds is not None]
    assert len(told) > 2 and told[-1] < told[0]


def test_cancel_within_a_step(client: Client) -> None:
    job = client.submit(text(ENDLESS))
    wait_for_step(client, job.job_id, 2)
    assert job.cancel().cancelling
    assert job.wait(HANG_SECONDS).state == "cancelled"
    with pytest.raises(errors.JobCancelled):
        job.result()
    assert job.cancel().state == "cancelled"


def test_a_cancel_while_the_engine_starts_is_not_lost(client: Client) -> None:
    client.unload()
    wait_until(lambda: client.hello().engine.state == "stopped")
    before = client.hello().engine.restarts
    job = client.submit(text(ENDLESS))
    wait_until(lambda: job.status().state == "running")
    job.cancel()
    assert job.wait(HANG_SECONDS).state == "cancelled"
    assert client.hello().engine.restarts == before + 1  # started for this job, and not killed for it


def test_a_queued_job_is_cancelled_at_once(client: Client) -> None:
    holder = client.submit(text(ENDLESS))
    job = client.submit(text())
    assert job.cancel().state == "cancelled"
    holder.cancel()
    assert [line.text for line in client.logs(job.job_id).lines] == ["queued", "cancelled"]


def test_an_engine_that_ignores_cancel_is_killed_and_replaced(client: Client) -> None:
    job = client.submit(text(f"deaf {ENDLESS}"))
    wait_for_step(client, job.job_id, 1)
    pid = client.hello().engine.pid
    asked = time.monotonic()
    job.cancel()
    assert job.wait(HANG_SECONDS).state == "cancelled" and time.monotonic() - asked > 1.5  # it was given its time
    assert client.submit(text()).wait(HANG_SECONDS).state == "completed"
    assert client.hello().engine.pid != pid


def test_the_engine_lets_other_programs_go_first(client: Client) -> None:
    client.submit(text()).wait(HANG_SECONDS)
    hello = client.hello()
    priority, own = (psutil.Process(pid).nice() for pid in (hello.engine.pid, hello.pid))
    assert priority != own or own == 19


def test_kill_9_of_the_engine_in_mid_job_and_the_job_completes(client: Client) -> None:
    job = client.submit(text("steps=60 step_seconds=0.02"))
    wait_for_step(client, job.job_id, 10)
    before = client.hello().engine
    assert before.pid is not None and before.state == "busy"
    os.kill(before.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    done = job.wait(HANG_SECONDS)
    assert (done.state, done.attempts) == ("completed", 2)
    after = client.hello().engine
    assert after.pid != before.pid and after.restarts == before.restarts + 1


def test_a_job_that_always_kills_the_engine_fails_and_the_next_one_runs(client: Client) -> None:
    job = client.submit(text("die"))
    done = job.wait(HANG_SECONDS)
    assert (done.state, done.attempts) == ("failed", 3)
    assert done.error is not None and done.error.code == "engine_crashed" and "3 times" in done.error.message
    with pytest.raises(errors.JobFailed):
        job.result()
    assert client.submit(text()).wait(HANG_SECONDS).state == "completed"


def test_an_error_of_the_engine_is_the_jobs_error(client: Client) -> None:
    done = client.submit(text("fail")).wait(HANG_SECONDS)
    assert done.error is not None and (done.error.code, done.error.message) == (
        "out_of_memory",
        "9 GB needed, 2 GB free.",
    )


def test_a_broken_model_fails_the_job(client: Client, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    done = client.submit(text(model=str(tmp_path / "broken"))).wait(HANG_SECONDS)
    assert done.error is not None and done.error.code == "checkpoint" and "Pull it again" in done.error.message


def test_several_clients_at_once(daemon: Daemon) -> None:
    results: dict[int, int] = {}

    def one(number: int) -> None:
        with daemon.client() as mine:
            results[number] = mine.submit(text(seed=number)).result().seed

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
    assert results == {n: n for n in range(8)}


def test_a_wait_holds_nothing_up(client: Client) -> None:
    job = client.submit(text(ENDLESS))
    thread = threading.Thread(target=job.wait)
    thread.start()
    assert client.hello().engine.state in ("starting", "busy") and thread.is_alive()  # answered while it runs
    job.cancel()
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()


def test_a_result_that_cannot_travel_fails_its_job_alone(client: Client) -> None:
    pid = client.hello().engine.pid
    done = client.submit(text("nan")).wait(HANG_SECONDS)
    assert done.error is not None and "JSON" in done.error.message and done.attempts == 1
    assert client.hello().engine.pid == pid


def test_audio_of_the_store_is_kept_for_a_job_that_names_its_file(client: Client) -> None:
    first = client.submit(text(seed=425, duration=5.0))
    path = first.result().path
    assert path is not None
    fields = {"task": "inpaint", "tags": "steps=1", "start_time": 1, "end_time": 2}
    second = client.submit({**fields, "audio": str(path)})
    client.delete(first.job_id)
    assert path.exists() and second.wait(HANG_SECONDS).state == "completed"
    client.delete(second.job_id)
    assert not path.exists()


def test_old_jobs_are_deleted_by_a_command(client: Client, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    job, later = client.submit(text(seed=426)), client.submit(text(seed=427))
    later.wait(HANG_SECONDS)
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(daemon.home))
    assert CliRunner().invoke(app, ["jobs", "delete"]).exit_code == 2
    assert CliRunner().invoke(app, ["jobs", "delete", job.job_id]).exit_code == 0
    assert later.status().state == "completed"
    assert CliRunner().invoke(app, ["jobs", "delete", "--older-than", "1"]).stdout.startswith("0 job(s)")
    assert CliRunner().invoke(app, ["jobs", "delete", "--older-than", "0"]).exit_code == 0
    assert client.jobs().total == 0 and client.metrics().audio_files == 0


def test_jobs_are_cleaned_by_a_command_and_what_a_project_names_stays(
    client: Client, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(daemon.home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # no REAPER of this machine's user
    old, placed, new = (client.submit(text(seed=seed)) for seed in (428, 429, 430))
    paths = [job.result().path for job in (old, placed, new)]
    (tmp_path / "song.rpp").write_text(f"FILE {paths[1]}")
    copies = [daemon.home / "dragged" / path.stem / "take.wav" for path in paths if path is not None]
    for copy in copies:
        copy.parent.mkdir(parents=True)
        copy.write_bytes(b"x")
    words = ["jobs", "clean", "--count", "1", "--projects", str(tmp_path)]
    assert CliRunner().invoke(app, ["jobs", "clean"]).exit_code == 2
    told = CliRunner().invoke(app, [*words, "--dry-run"])
    assert old.job_id in told.stdout and placed.job_id not in told.stdout and "would go" in told.stdout
    assert client.jobs().total >= 3
    done = CliRunner().invoke(app, [*words, "--json"])
    assert placed.job_id in json.loads(done.stdout)["named"] and done.exit_code == 0
    assert [path is not None and path.exists() for path in paths] == [False, True, True]
    assert CliRunner().invoke(app, [*words, "--named"]).exit_code == 0
    assert [job.job_id for job in client.jobs().jobs] == [new.job_id]
    assert [copy.exists() for copy in copies] == [False, True, True]  # a project names the second, and plays it


def test_a_daemon_keeps_what_its_settings_say(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = JobStore(home / "jobs.sqlite3")
    for number in range(3):
        job = store.add(Job(job_id=f"job-{number}", task="text-to-audio", request=text(), model=str(MODEL)))
        store.change(job, "cancelled")
    store.close()
    write_limits(home, Limits(count=1))
    with running(home) as daemon, daemon.client() as client:
        wait_until(lambda: [job.job_id for job in client.jobs().jobs] == ["job-2"])


def test_delete_takes_the_audio_along(client: Client) -> None:
    job = client.submit(text(seed=424))
    path = job.result().path
    client.delete(job.job_id)
    assert path is not None and not path.exists()
    with pytest.raises(errors.UnknownThing):
        client.status(job.job_id)


def test_restart_keeps_the_queue_and_the_client_comes_back(tmp_path: Path) -> None:
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        first = client.submit(text("steps=100 step_seconds=0.02", seed=1))
        second = client.submit(text(seed=2), client_data={"n": 2})
        wait_for_step(client, first.job_id, 3)
        sequence = client.status(first.job_id).sequence
        daemon.kill()
        assert is_gone(tmp_path / "home")
        daemon.start()
        assert client.status(first.job_id).sequence > sequence
        assert second.wait(HANG_SECONDS).client_data == {"n": 2}
        assert first.wait(HANG_SECONDS).state == "completed" and first.result().seed == 1


def test_orderly_stop_requeues_the_running_job(tmp_path: Path) -> None:
    with running(tmp_path / "home") as daemon:
        with daemon.client() as client:
            job = client.submit(text("steps=40 step_seconds=0.02"))
            wait_for_step(client, job.job_id, 3)
            client.shutdown()
        assert daemon.process is not None and daemon.process.wait(HANG_SECONDS) == 0
        assert not (tmp_path / "home" / "connection.json").exists() and is_gone(tmp_path / "home")
        daemon.start()
        with daemon.client() as client:
            done = client.job(job.job_id).wait(HANG_SECONDS)
            assert (done.state, done.attempts) == ("completed", 1)


def test_a_second_daemon_gives_way(daemon: Daemon) -> None:
    command = [sys.executable, "-m", "bridge.daemon", "--home", str(daemon.home)]
    assert subprocess.run(command, timeout=HANG_SECONDS, stderr=subprocess.DEVNULL).returncode == 0
    assert lock.is_held(daemon.home / "daemon.lock")


def test_a_daemon_that_is_started_while_another_one_stops_waits_for_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with lock.FileLock(home / "daemon.lock") as other:
        assert other.acquire()
        thread = threading.Timer(0.5, other.release)
        thread.start()
        with running(home) as daemon, daemon.client() as client:
            assert client.hello().pid == (daemon.process.pid if daemon.process else 0)
        thread.join()


def test_ensure_daemon_starts_one_and_finds_it_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    options = ["--renderer", SINES, "--model", str(MODEL)]
    client, started = ensure_daemon(home, options)
    with client:
        again, started_again = ensure_daemon(home, options)
        with again:
            assert (started, started_again) == (True, False)
            assert again.hello().pid == client.hello().pid
            client.shutdown()
    assert is_gone(home)


def test_no_daemon_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(errors.DaemonNotRunning, match="acestep-bridge serve"):
        Client.connect(tmp_path)


def test_the_daemon_never_loads_torch() -> None:
    code = "import bridge.daemon.main, sys; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

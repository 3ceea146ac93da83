"""What must not get lost: a stop among short jobs, an outcome that cannot be written, an engine that does not start."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.daemon.durable.commits import Commits
from bridge.daemon.durable.spare_room import NAME as SPARE
from bridge.daemon.engine import EngineDied, EngineProcess
from bridge.daemon.executor import LocalExecutor
from bridge.daemon.hub import Hub
from bridge.daemon.main import _listen_to_signals
from bridge.daemon.runner import Runner
from bridge.daemon.settings import Settings
from bridge.engine_process.wire import RenderJob
from bridge.files import AudioStore
from bridge.jobs import Job, JobStore
from bridge.protocol.errors import RequestFailed, StoreUnavailable, content_of
from bridge.protocol.lock import FileLock
from tests.support.daemons import MODEL, Daemon, running, text
from tests.support.disk import can_be_built, on_disk
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES


@pytest.mark.parametrize("which", range(3))
def test_a_stop_among_very_short_jobs_is_heard(tmp_path: Path, which: int) -> None:
    """`wait_for` on Python 3.11 swallowed the cancellation where an answer came at the same moment: the daemon did all
    jobs and then held its lock for ever."""
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        jobs = [client.submit(text("steps=1 step_seconds=0")) for _ in range(60)]
        jobs[which].wait(HANG_SECONDS)
        assert daemon.process is not None
        daemon.process.terminate()
        assert daemon.process.wait(HANG_SECONDS) == 0
        with FileLock(daemon.home / "daemon.lock") as lock:
            assert lock.acquire()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        job = client.submit(text("deaf steps=1000 step_seconds=0.05"))
        while client.status(job.job_id).step < 1:
            time.sleep(0.01)
        assert daemon.process is not None
        daemon.process.terminate()
        daemon.process.terminate()
        assert daemon.process.wait(HANG_SECONDS) in (0, 143)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX signals")
@pytest.mark.parametrize("ignored", [True, False])
def test_a_closed_terminal_is_left_alone_under_nohup(tmp_path: Path, ignored: bool) -> None:
    async def listen() -> bool:
        stopping = asyncio.Event()
        _listen_to_signals(stopping, LocalExecutor(Settings(home=tmp_path)))
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
        return stopping.is_set()

    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as loop:
            assert loop.run(listen()) is not ignored
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """The file of jobs in the hands of another program."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_an_outcome_waits_until_it_can_be_written(tmp_path: Path) -> None:
    """The job ran for ever; submit said `internal`, and cancel and delete were of no use, then or later."""
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        old = client.submit(text())
        old.wait(HANG_SECONDS)
        job, behind = (client.submit(text(f"steps={steps} step_seconds=0.02")) for steps in (20, 100_000))
        while client.status(job.job_id).state == "queued":
            time.sleep(0.01)
        with held(daemon.home / "jobs.sqlite3"):
            while "its outcome waits" not in daemon.log():
                time.sleep(0.02)
            assert client.status(job.job_id).state == "running"  # the daemon answers meanwhile
            for ask in (lambda: client.submit(text()), behind.cancel, lambda: client.delete(old.job_id)):
                with pytest.raises(Exception, match="Another program holds the file of jobs") as refused:
                    ask()
                assert getattr(refused.value, "code", "") == "store_busy"
            assert client.cancel(job.job_id).state == "running"  # it has ended: its outcome stays what it was
        done = job.wait(HANG_SECONDS)
        assert (done.state, done.attempts) == ("completed", 1) and job.result().path is not None
        behind.cancel()
        client.delete(old.job_id)
        assert behind.wait(HANG_SECONDS).state == "cancelled"


def test_failures_of_the_file_have_their_codes(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    with held(tmp_path / "jobs.sqlite3"), pytest.raises(StoreUnavailable) as busy:
        store.set_controls({"tags": "house"})
    assert content_of(busy.value).code == "store_busy"
    store._base.execute("PRAGMA max_page_count = 20")
    with pytest.raises(StoreUnavailable) as full:
        store.set_controls({"tags": "x" * 1_000_000})
    assert content_of(full.value).code == "disk_full" and "jobs delete" in str(full.value)
    assert store.controls() == {}
    store.close()


@pytest.mark.skipif(not can_be_built(), reason="a disk that is full when told so needs Linux and gcc")
def test_on_a_full_disk_deleting_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, full = tmp_path / "home", tmp_path / "full"
    home.mkdir()
    for name, value in {**on_disk(home, full=full), "DISK_SPARE": str(home / SPARE)}.items():
        monkeypatch.setenv(name, value)
    with running(home) as daemon, daemon.client() as client:
        job = client.submit(text())
        path = job.result().path
        full.touch()
        with pytest.raises(RequestFailed) as refused:
            client.submit(text())
        assert refused.value.code == "disk_full" and (home / SPARE).exists()
        client.delete(job.job_id)
        assert path is not None and not path.exists() and client.jobs().total == 0
        full.unlink()
        assert client.submit(text()).wait(HANG_SECONDS).state == "completed"


class StubbornEngine(EngineProcess):
    """The real engine process, which does not come up the first times."""

    failures = 0

    async def _spawn(self) -> None:
        await super()._spawn()
        if self.starts <= self.failures:
            assert self._process is not None
            self._process.kill()


async def outcome_of(home: Path, failures: int) -> Job:
    settings = Settings(home=home, renderer=SINES)
    AudioStore(home / "audio").make_folders()
    store, hub = JobStore(home / "jobs.sqlite3"), Hub(lambda topic, content, owner: None)
    executor = LocalExecutor(settings, StubbornEngine)
    StubbornEngine.failures = failures
    runner = Runner(store, hub, executor, settings)
    job = store.add(Job(job_id="", task="text-to-audio", request=text(), model=str(MODEL)))
    task = asyncio.create_task(runner.run())
    try:
        while (found := store.get(job.job_id)) is not None and found.finished is None:
            await asyncio.sleep(0.02)
        assert found is not None
        return found
    finally:
        task.cancel()
        await executor.close()
        store.close()


@pytest.mark.parametrize(("failures", "state", "attempts"), [(2, "completed", 3), (9, "failed", 3)])
def test_an_engine_that_does_not_come_up_is_started_again(
    tmp_path: Path, failures: int, state: str, attempts: int
) -> None:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as loop:
        job = loop.run(outcome_of(tmp_path, failures))
    assert (job.state, job.attempts) == (state, attempts), job.error
    if job.error is not None:
        assert job.error.code == "engine_unavailable" and "doctor" in job.error.message


async def render_hanging(home: Path) -> None:
    engine = EngineProcess(Settings(home=home, renderer=SINES, stall_seconds=1.0))
    request = text("hang steps=4")
    try:
        await engine.render(RenderJob(job_id="one", model=str(MODEL), request=request), lambda said: None)
    finally:
        await engine.close()


def test_an_engine_that_hangs_is_ended_although_it_beats(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as loop, pytest.raises(EngineDied):
        loop.run(render_hanging(tmp_path))


def test_a_daemon_that_stood_still_keeps_its_engine(tmp_path: Path) -> None:
    """SIGSTOP for longer than the engine may be silent: on waking, what came meanwhile is heard first."""
    stop, go = (getattr(__import__("signal"), name, None) for name in ("SIGSTOP", "SIGCONT"))
    if stop is None or go is None:
        pytest.skip("POSIX signals")
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        job = client.submit(text("steps=100 step_seconds=0.05"))
        while client.status(job.job_id).step < 1:
            time.sleep(0.01)
        assert daemon.process is not None
        daemon.process.send_signal(stop)
        threading.Event().wait(3.0)
        daemon.process.send_signal(go)
        assert (done := job.wait(HANG_SECONDS)).state == "completed" and done.attempts == 1


def test_the_same_request_id_for_another_request_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        first = client.submit(text("steps=1"), request_id="mine")
        assert client.submit(text("steps=1"), request_id="mine").job_id == first.job_id
        with pytest.raises(RequestFailed, match="a new request_id") as refused:
            client.submit(text("steps=2"), request_id="mine")
        assert refused.value.code == "request_id_reused" and client.jobs().total == 1


def test_audio_of_a_refused_request_does_not_stay(tmp_path: Path) -> None:
    samples = np.zeros((8000, 1), np.float32)
    kept = {"task": "inpaint", "tags": "steps=1", "start_time": 0.1, "end_time": 0.5}
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        path = tmp_path / "song.wav"
        soundfile.write(path, samples, 8000)
        wrong = {**kept, "audio": data_uri(path), "start_time": 5.0, "end_time": 6.0}
        for _ in range(3):
            with pytest.raises(RequestFailed):
                client.submit(wrong)
        assert not list((daemon.home / "audio").rglob("*.wav"))
        client.submit({**kept, "audio": data_uri(path)})
        with pytest.raises(RequestFailed):
            client.submit(wrong)
        assert len(list((daemon.home / "audio").rglob("*.wav"))) >= 1  # a job has it


def data_uri(path: Path) -> str:
    return "data:audio/wav;base64," + base64.b64encode(path.read_bytes()).decode()


HANGING = """
import asyncio, threading
from bridge.daemon.durable.threads import FileThreads
from bridge.protocol.errors import RequestFailed

async def main():
    threads = FileThreads(at_once=2, seconds=0.05, most_hanging=5)
    codes = []
    for _ in range(7):
        try:
            await threads.run(threading.Event().wait)
        except RequestFailed as error:
            codes.append((error.code, threads.hanging))
    print(codes)

asyncio.run(main())
"""


def test_files_that_never_answer_hold_up_neither_others_nor_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.stdout.strip() == repr([("file_timeout", n) for n in (1, 2, 3, 4, 5, 5, 5)]), done.stderr


def synced_calls(daemon: Daemon, work: Callable[[], object]) -> list[str]:
    """The daemon's fsync and fdatasync calls while something is done, each with the file that it names."""
    assert daemon.process is not None
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-p", str(daemon.process.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None and "attached" in tracer.stderr.readline()
        work()
        tracer.terminate()
        return [line for line in tracer.stderr.read().splitlines() if "sync(" in line]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace counts the system calls; Debian has it")
def test_a_job_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path / "home") as daemon, daemon.client() as client:
        client.submit(text("deaf steps=1000 step_seconds=0.05"))
        calls = synced_calls(daemon, lambda: [client.submit(text(), priority=-1) for _ in range(5)])
        assert sum("jobs.sqlite3-wal" in call for call in calls) >= 5


def test_changes_that_are_a_few_turns_of_the_loop_away_share_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit for the first of twenty, another one for the rest: each is a wait for the disk."""
    store, syncs = JobStore(tmp_path / "jobs"), list[int]()
    real = store.journal.sync
    monkeypatch.setattr(store.journal, "sync", lambda: syncs.append(1) or real())

    async def write(commits: Commits, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await commits.write(lambda: store.set_controls({str(turns): 1}))

    async def all_of_them() -> None:
        commits = Commits(store)
        await asyncio.gather(*(write(commits, turns) for turns in (0, 0, 3, 6, 7, 10)))

    asyncio.run(all_of_them())
    assert len(syncs) == 1 and len(store.controls()) == 5
    store.close()

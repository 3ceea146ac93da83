"""A start into what is not as it should be: a held file of jobs, a full disk, folders where files should be."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.daemon import main
from bridge.daemon.durable.look import Look
from bridge.daemon.durable.spare_room import SpareRoom
from bridge.daemon.engine import EngineNotStarted, EngineProcess
from bridge.daemon.hub import Hub
from bridge.daemon.lane import Lane
from bridge.daemon.main import _patiently
from bridge.daemon.settings import Settings
from bridge.engine_process.wire import RenderJob
from bridge.jobs import Job, JobStore
from bridge.jobs import connection as jobs_connection
from bridge.protocol.errors import RequestFailed, StoreUnavailable
from bridge.protocol.home import Connection, Endpoints
from bridge.protocol.linked import remove_linked
from bridge.protocol.lock import HomeLock, is_held
from bridge.system.own_code import OwnCode
from tests.support.daemons import running, text
from tests.support.patience import HANG_SECONDS


def test_a_start_waits_while_another_program_holds_the_file_of_jobs(tmp_path: Path) -> None:
    path = tmp_path / "jobs"
    JobStore(path).close()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.3, other.close)
    timer.start()
    store = asyncio.run(_patiently(lambda: JobStore(path), SpareRoom(tmp_path)))
    store.close()
    timer.join()


@pytest.mark.parametrize("code", ["disk_full", "disk_error"])
def test_a_start_on_a_full_disk_has_the_room_that_is_kept(tmp_path: Path, code: str) -> None:
    spare = SpareRoom(tmp_path)
    spare.keep()

    def work() -> str:
        if (tmp_path / "spare-room").exists():
            raise StoreUnavailable(code, "The disk is full.", "")
        return "done"

    assert asyncio.run(_patiently(work, spare)) == "done"
    with pytest.raises(StoreUnavailable):
        (tmp_path / "spare-room").mkdir()  # nothing to give up
        asyncio.run(_patiently(work, spare))


def test_folders_in_the_place_of_files_are_put_aside_or_done_without(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("connection.json", "install.json", "engine.log", "spare-room", "processor.json"):
        (home / name).mkdir(parents=True)
    with running(home) as daemon, daemon.client() as client:
        assert client.submit(text("steps=1 step_seconds=0")).wait(HANG_SECONDS).state == "completed"
        (home / "linked.json").write_bytes(b"\xff")
        with pytest.raises(RequestFailed, match=r"linked\.json.*link --remove") as caught:
            client.submit(text())
        assert caught.value.code == "settings_damaged"
        (home / "linked.json").unlink()
        (home / "linked.json" / "inside").mkdir(parents=True)  # `link --remove`, as the error says, takes it away
        with pytest.raises(RequestFailed, match=r"linked\.json.*link --remove"):
            client.submit(text())
        assert remove_linked(home) and not remove_linked(home)
        assert client.submit(text("steps=1 step_seconds=0")).wait(HANG_SECONDS).state == "completed"


def test_an_engine_that_the_system_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(24, "Too many open files")

    async def start() -> None:
        engine = EngineProcess(Settings(home=tmp_path))
        try:
            with pytest.raises(EngineNotStarted, match="Too many open files"):
                await engine.start()
        finally:
            await engine.close()

    monkeypatch.setattr(subprocess, "Popen", refuse)
    asyncio.run(start())


CONNECTION = Connection(endpoints=Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"), key="a" * 64)


class _Waiting:
    loaded_model = ""

    async def render(self, order: RenderJob, on_said: object) -> None:
        await asyncio.Event().wait()

    def abandon(self, job_id: str) -> None:
        """There is nothing to end."""


class _Broken:
    loaded_model = ""

    async def render(self, order: RenderJob, on_said: object) -> None:
        raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("updated", [False, True])
def test_a_fault_of_the_daemon_ends_its_job(tmp_path: Path, updated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OwnCode, "changed", lambda code: updated)

    async def run() -> Job | None:
        store = JobStore(tmp_path / "jobs")
        job = store.add(Job(job_id="", task="retake", request={"tags": "a"}))
        freed = asyncio.Event()
        lane = Lane(_Broken(), store, Hub(lambda *_: None), Settings(home=tmp_path), freed.set)  # type: ignore[arg-type]
        lane.take(job)
        await freed.wait()
        found = store.get(job.job_id)
        store.close()
        return found

    job = asyncio.run(run())
    assert job is not None and job.error is not None
    assert (job.state, job.error.code) == ("failed", "internal") and "RuntimeError" in job.error.message
    assert ("`acestep-bridge daemon stop` ends the old one" in job.error.message) is updated


def test_a_stop_while_another_program_holds_the_file_of_jobs_is_one_in_order(tmp_path: Path) -> None:
    async def run() -> None:
        store = JobStore(tmp_path / "jobs")
        job = store.add(Job(job_id="", task="retake", request={"tags": "a"}))
        lane = Lane(_Waiting(), store, Hub(lambda *_: None), Settings(home=tmp_path), lambda: None)  # type: ignore[arg-type]
        lane.take(job)
        await asyncio.sleep(0)  # it begins
        other = sqlite3.connect(tmp_path / "jobs", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        lane.requeue()
        other.close()
        assert [found.job_id for found in store.requeue_running()] == [job.job_id]  # as the next start does
        lane.stop()
        store.close()

    asyncio.run(run())


def test_a_daemon_whose_folder_has_gone_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> bool:
        home, stopping = tmp_path / "home", asyncio.Event()
        home.mkdir()
        store = JobStore(home / "jobs")
        shutil.rmtree(home)
        await main._keep(HomeLock(home), CONNECTION, store, stopping)
        store.close()
        return stopping.is_set()

    monkeypatch.setattr(main, "_KEEP_SECONDS", 0.01)
    assert asyncio.run(run()) and not (tmp_path / "home").exists()


@pytest.mark.parametrize("names", [["jobs"], ["jobs-wal"], ["jobs-shm"], ["jobs", "jobs-wal"]])
@pytest.mark.parametrize("by_another", [False, True])
def test_a_file_of_jobs_that_was_removed_or_replaced_is_written_again(
    tmp_path: Path, names: list[str], by_another: bool
) -> None:
    """What SQLite wrote into a log without a name was gone with a daemon that was killed: all it acknowledged."""
    store = JobStore(tmp_path / "jobs")
    first = store.add(Job(job_id="", task="retake", request={"tags": "a"}))
    store.journal.sync()
    assert not store.put_back()
    for name in names:
        (tmp_path / name).unlink()
        if by_another:
            (tmp_path / name).write_bytes(b"another" * 1000)
    assert store.put_back() and not store.put_back()
    second = store.add(Job(job_id="", task="retake", request={"tags": "b"}))
    store.journal.sync()
    killed = tmp_path / "killed"
    for side in ("", "-wal"):  # as kill -9 leaves it
        killed.with_name(f"killed{side}").write_bytes((tmp_path / f"jobs{side}").read_bytes())
    store.close()
    for path in (tmp_path / "jobs", killed):
        again = JobStore(path)
        again.check()
        assert [job.job_id for job in again.list(None, None, 9, 0)[0]] == [second.job_id, first.job_id]
        again.close()
    assert (tmp_path / "jobs.put-aside").exists() == (by_another and "jobs" in names)


def test_a_disk_that_numbers_its_files_anew_is_let_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each look would write the whole file of jobs again."""

    async def keep(store: JobStore) -> None:
        with HomeLock(tmp_path) as lock:
            assert lock.acquire()
            keeper = asyncio.create_task(main._keep(lock, CONNECTION, store, asyncio.Event()))
            while len(_put_back(caplog)) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            keeper.cancel()

    numbers = itertools.count()
    monkeypatch.setattr(jobs_connection, "_identities", lambda path: [(1, next(numbers))] * 3)
    monkeypatch.setattr(main, "_KEEP_SECONDS", 0.01)
    monkeypatch.setattr(main, "_MOST_PUT_BACK", 2)
    store = JobStore(tmp_path / "jobs")
    kept = store.add(Job(job_id="", task="retake", request={"tags": "a"}))
    asyncio.run(keep(store))
    assert len(_put_back(caplog)) == 2
    assert [job.job_id for job in store.list(None, None, 9, 0)[0]] == [kept.job_id]
    store.close()


def _put_back(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if line.endswith("written again") and "jobs" in line]


@pytest.mark.skipif(sys.platform == "win32", reason="there, a lock file that is open is not removed")
def test_a_lock_that_was_removed_lets_no_second_daemon_in(tmp_path: Path) -> None:
    """Two daemons rendered each job twice."""
    first, second, third = (HomeLock(tmp_path) for _ in range(3))
    assert first.acquire() and not first.put_back()
    first.path.unlink()
    assert not second.acquire()
    if second.path.exists():  # which `acquire` has made
        second.path.unlink()
    assert first.put_back() and not first.put_back() and is_held(first.path)
    first.path.unlink()
    first.path.touch()
    assert first.put_back() and is_held(first.path) and not third.acquire()
    first.release()
    assert third.acquire()
    third.release()


def test_the_log_of_changes_has_its_length_from_the_start(tmp_path: Path) -> None:
    """As long as SQLite does not need more, no commit makes the file longer."""
    store, log = JobStore(tmp_path / "jobs"), tmp_path / "jobs-wal"
    store.journal.lengthen(1 << 20)
    assert log.stat().st_size == 1 << 20
    for number in range(20):
        with store.transaction():
            store.log("a", "info", f"{number}")
    assert log.stat().st_size == 1 << 20
    before = log.read_bytes()
    copy = tmp_path / "copy"
    copy.with_name("copy-wal").write_bytes(before)  # as a loss of power leaves it
    copy.write_bytes(store.path.read_bytes())
    store.close()
    again = JobStore(copy)
    assert len(again.logs("a", 0)) == 20
    again.check()
    again.close()


def test_a_look_at_a_large_file_of_jobs_ends_with_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's log and its index stayed where the daemon ended within its first look: another had the file open."""
    store, ended, looks = JobStore(tmp_path / "jobs"), [], threading.Event()

    def endless(store: JobStore) -> None:
        looks.set()
        with contextlib.suppress(sqlite3.OperationalError):
            store._base.number("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
        ended.append(store)

    async def cut_short() -> None:
        task = asyncio.create_task(Look(store.path).run(asyncio.Event()))
        while not looks.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    monkeypatch.setattr(JobStore, "check", endless)
    asyncio.run(cut_short())
    assert ended
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["jobs"]

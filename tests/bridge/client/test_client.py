"""The client's own parts, and the asynchronous client against a real daemon."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bridge.client
import engine
from bridge.client import AsyncClient, Client, Timeouts, daemon_for_call
from bridge.client.prepare import as_buffer, by_hash, by_path, into_store, prepare
from bridge.client.start import daemon_environment, detached_options
from bridge.client.sync import LoopThread
from bridge.daemon.dispatch import Dispatch
from bridge.daemon.doors.door import LocalDoor
from bridge.daemon.server import Server
from bridge.daemon.views import Counters
from bridge.files.store import AudioStore
from bridge.jobs import JobStore
from bridge.protocol import errors
from bridge.protocol.home import Connection, write_connection
from bridge.protocol.lock import FileLock
from tests.support.daemons import MODEL, Daemon, is_gone, running, text
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("client") / "home") as made:
        yield made


def test_all_public_names_exist() -> None:
    assert all(hasattr(bridge.client, name) for name in bridge.client.__all__)


def test_paths_travel_absolute_and_samples_as_a_buffer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    told, buffers = prepare(engine.Inpaint(audio="a.wav", tags="house"), by_path)
    assert told == {"task": "inpaint", "audio": str(tmp_path / "a.wav"), "tags": "house"} and buffers == []
    assert prepare(engine.Inpaint(audio="a.wav", tags="house"), as_buffer)[1] == [b"RIFF"]
    audio = engine.Audio(np.zeros((2, 10), np.float32), 48000)
    told, buffers = prepare(engine.Inpaint(audio=audio, tags="house"), by_path)
    assert told["audio"] == "buffer:0" and bytes(buffers[0][:4]) == b"RIFF"


def test_audio_in_memory_is_put_into_a_store_at_hand(tmp_path: Path) -> None:
    store = AudioStore(tmp_path / "audio")
    store.make_folders()
    request = engine.Inpaint(audio=engine.Audio(np.zeros((2, 10), np.float32), 48000), tags="house")
    bytes_of = bytes(prepare(request, by_path)[1][0])
    for _ in range(2):
        told, buffers = prepare(request, into_store(store.folder))
        stored = store.find(told["audio"].removeprefix("sha256:"))
        assert buffers == [] and stored is not None and stored.read_bytes() == bytes_of
    assert store.size()[0] == 1 and not list(store.making.iterdir())
    assert prepare(request, by_hash) == (told, [])
    told, buffers = prepare(request, into_store(tmp_path / "not there"))
    assert told["audio"] == "buffer:0" and bytes(buffers[0]) == bytes_of


def test_audio_that_another_job_took_along_when_it_was_deleted_is_sent(daemon: Daemon, tmp_path: Path) -> None:
    other = AudioStore(tmp_path / "audio")
    other.make_folders()
    audio = engine.Audio(np.zeros((1, 16000), np.float32), 8000)
    request = engine.Inpaint(audio=audio, tags="steps=1", start_time=0.5, end_time=1.0)

    async def work() -> str:
        async with await AsyncClient.connect(daemon.home) as client:
            client.store = other.folder  # what is put there is not in the daemon's
            return (await (await client.submit(request)).wait(HANG_SECONDS)).state

    assert asyncio.run(work()) == "completed"


def test_bytes_are_read_from_the_store_or_sent_where_that_cannot_be(daemon: Daemon) -> None:
    async def work() -> list[bytes]:
        async with await AsyncClient.connect(daemon.home) as client:
            job = await client.submit(text(seed=11, variations=2))
            here = await job.result("bytes")
            client.store = None
            sent = await job.result("bytes")
            assert here.buffers == sent.buffers and here.entries == sent.entries
            return list(here.buffers)

    first, second = asyncio.run(work())
    assert first != second and first[:4] == second[:4] == b"RIFF"


def test_what_no_message_holds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "long.wav", "wb") as file:
        file.truncate((1 << 30) + 1)  # a hole
    with pytest.raises(engine.InvalidRequest, match=r"1\.07 GB.*FLAC"):
        prepare(engine.Inpaint(audio=tmp_path / "long.wav", tags="house"), as_buffer)


def test_a_daemon_outlives_its_parent_on_every_system() -> None:
    assert detached_options("win32") == {"creationflags": 0x208}
    assert detached_options("linux") == detached_options("darwin") == {"start_new_session": True}


def test_another_pythons_settings_are_left_out(tmp_path: Path) -> None:
    given = {"PYTHONHOME": "/reaper", "PYTHONPATH": "/x", "PATH": "/bin"}
    assert daemon_environment(tmp_path, given) == {"PATH": "/bin", "ACESTEP_BRIDGE_HOME": str(tmp_path)}


def test_asynchronous_client(daemon: Daemon) -> None:
    async def work() -> list[int]:
        async with await AsyncClient.connect(daemon.home) as client:
            jobs = [await client.submit(text(seed=n)) for n in (1, 2, 3)]
            results = await asyncio.gather(*(job.result() for job in jobs))
            return [result.seed for result in results]

    assert asyncio.run(work()) == [1, 2, 3]


def test_waiting_has_a_limit_and_the_job_goes_on(daemon: Daemon) -> None:
    with daemon.client() as client:
        job = client.submit(text("steps=1000000 step_seconds=0.02"))
        with pytest.raises(TimeoutError, match="it goes on"):
            job.wait(0.2)
        assert job.status().state in ("queued", "running")
        job.cancel()


def test_a_result_is_saved_elsewhere(daemon: Daemon, tmp_path: Path) -> None:
    with daemon.client() as client:
        result = client.submit(text()).result()
        assert result.save(tmp_path / "out.wav").read_bytes() == result.data
        assert result.recipe == {"seed": 7} and result.seam_report is None and "running" in result.timings


def test_a_daemon_for_one_call_is_gone_afterwards(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with daemon_for_call(home, ["--renderer", SINES, "--model", str(MODEL)]) as client:
        assert client.submit(text()).result().seed == 7
    assert not (home / "connection.json").exists() and is_gone(home)


def test_a_daemon_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(errors.DaemonNotRunning, match="expected an address such as"):
        bridge.client.ensure_daemon(tmp_path / "home", ["--bind", "nonsense"])


def test_a_daemon_that_is_gone_for_good_is_lost(tmp_path: Path) -> None:
    limits = Timeouts(reconnect=0.5)
    with running(tmp_path / "home") as daemon, Client.connect(daemon.home, timeouts=limits) as client:
        daemon.kill()
        with pytest.raises(errors.DaemonLost):
            client.hello()


def test_a_client_that_comes_while_a_daemon_stops_is_told_that_none_runs(tmp_path: Path) -> None:
    """It was refused with `shutting_down`; now `ensure_daemon` starts the next one, which waits for the first's end."""

    async def stopping_daemon() -> None:
        store, stopping = JobStore(tmp_path / "jobs.sqlite3"), asyncio.Event()
        stopping.set()
        server = Server(Dispatch({}, store, stopping), Counters())
        door = LocalDoor("0" * 64, server.hearing)
        write_connection(tmp_path, Connection(endpoints=await door.open(), key="0" * 64, pid=1, started=1.0))
        with FileLock(tmp_path / "daemon.lock") as lock, contextlib.closing(store):
            assert lock.acquire()
            with pytest.raises(errors.DaemonNotRunning, match="is stopping"):
                await AsyncClient.connect(tmp_path)
            await door.close()

    asyncio.run(stopping_daemon())


def test_an_interrupt_before_a_step_is_waited_for_ends_the_iteration(monkeypatch):
    """Ctrl-C on a slow machine: the step ran in the loop, nobody cancelled it, and closing raised RuntimeError."""
    thread, ended = LoopThread(), threading.Event()

    async def items():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.set()

    whole = asyncio.run_coroutine_threadsafe

    def interrupted(work, loop):
        future = whole(work, loop)
        if work.__name__ == "_next" and seen:
            raise KeyboardInterrupt
        return future

    seen: list[int] = []
    monkeypatch.setattr("bridge.client.sync.asyncio.run_coroutine_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        for item in thread.iterate(items()):
            seen.append(item)
    assert seen == [1] and ended.is_set()
    thread.close()

"""What anybody on this machine can send without the key: each is let go, costs nothing, and holds up nobody.

`python -m tests.attacks` does the same with the full weight, and measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bridge.daemon.doors import door, gate, listener
from bridge.daemon.doors.door import Hearing, LocalDoor
from bridge.daemon.doors.zmtp import MORE, Broken, Connection, encode_message, frame
from bridge.daemon.engine import EngineProcess
from bridge.daemon.settings import Settings
from bridge.engine_process.wire import RenderJob
from bridge.protocol.errors import content_of
from bridge.protocol.frames import MAX_FRAMES, new_header, pack
from bridge.protocol.home import connection_path, read_connection
from bridge.system import open_files
from bridge.system.open_files import say_when_files_run_out
from tests.support.daemons import MODEL, Daemon, running, text
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import SINES
from tests.support.strangers import Stranger

UNSIGNED = b"0" * 64


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("strangers") / "home") as made:
        yield made


def commands(daemon: Daemon) -> str:
    return read_connection(connection_path(daemon.home)).endpoints.commands


def events(daemon: Daemon) -> str:
    return read_connection(connection_path(daemon.home)).endpoints.events


def flood_of_unsigned(stranger: Stranger) -> None:
    stranger.send(encode_message([UNSIGNED, b"{}", b"{}"]) * 2 * door.MOST_UNSIGNED)


def empty_frames(stranger: Stranger) -> None:
    stranger.send(frame(MORE, b"") * 10 * MAX_FRAMES)


def frames_without_end(stranger: Stranger) -> None:
    for _ in range(200):
        stranger.send(frame(MORE, b"x" * 10_000))


def large_unsigned(stranger: Stranger) -> None:
    stranger.say(UNSIGNED, b"{}", b"x" * 2_000_000, b"audio")


def announced_only(stranger: Stranger) -> None:
    stranger.begin_frame(1 << 40)


def another_protocol(stranger: Stranger) -> None:
    stranger.send(b"\xff" * 100)


@pytest.mark.parametrize(
    "attack",
    [flood_of_unsigned, empty_frames, frames_without_end, large_unsigned, announced_only, another_protocol],
    ids=lambda attack: attack.__name__,
)
def test_a_stranger_is_let_go_and_others_are_answered(daemon: Daemon, attack: Callable[[Stranger], None]) -> None:
    with daemon.client() as client, Stranger(commands(daemon)) as stranger:
        assert daemon.process is not None
        before = psutil.Process(daemon.process.pid).memory_info().rss
        with contextlib.suppress(OSError):
            attack(stranger)
        assert client.submit(text()).wait(HANG_SECONDS).state == "completed"
        assert stranger.is_let_go()
        assert psutil.Process(daemon.process.pid).memory_info().rss - before < 30_000_000


def test_a_large_message_of_a_stranger_does_not_hold_up_those_who_know_the_key(daemon: Daemon) -> None:
    """Large messages of strangers wait for one place, which has nothing to do with the others' places."""
    with daemon.client() as client, Stranger(commands(daemon)) as one, Stranger(commands(daemon)) as two:
        for stranger in (one, two):
            stranger.send(frame(MORE, UNSIGNED) + frame(MORE, b"{}"))
            stranger.begin_frame(50_000_000, b"x" * 100_000)
        client.set_controls({f"name{n}": "x" * 50 for n in range(100)})
        assert client.submit(text(client_data={"x": "y" * 2000})).wait(HANG_SECONDS).state == "completed"


def test_subscriptions_are_limited(daemon: Daemon) -> None:
    """200,000 of them and a close aborted libzmq."""
    with Stranger(events(daemon), b"SUB") as stranger, daemon.client() as client:
        with contextlib.suppress(OSError):
            for number in range(2 * door.MOST_TOPICS):
                stranger.subscribe(b"%d" % number)
        assert stranger.is_let_go()
        job = client.submit(text())
        assert [event.state for event in job.events()][-1] == "completed"


def test_a_subscriber_that_does_not_read_misses_events_and_no_more(daemon: Daemon) -> None:
    with Stranger(events(daemon), b"SUB") as stranger, daemon.client() as client:
        stranger.subscribe(b"")
        stranger.subscribe(b"x" * 200)
        assert client.submit(text("steps=300 step_seconds=0")).wait(HANG_SECONDS).state == "completed"


def in_a_door(work: Callable[[LocalDoor, str, str], Awaitable[None]]) -> None:
    """A door with nobody behind it."""

    async def run() -> None:
        door = LocalDoor("a" * 64, Hearing(lambda line, frames, done: done(), lambda: None, lambda line, frames: None))
        endpoints = await door.open()
        try:
            await work(door, endpoints.commands, endpoints.events)
        finally:
            await door.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as loop:
        loop.run(run())


async def greeted(port: listener.Listener) -> None:
    while not any(connection.is_greeted for connection in port.connections):
        await asyncio.sleep(0.01)


def test_when_a_port_is_full_strangers_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "most_connections", lambda: 3)

    async def work(door: LocalDoor, commands: str, events: str) -> None:
        known = await asyncio.to_thread(Stranger, commands)
        known.say(*map(bytes, pack("a" * 64, new_header("hello"), {})))
        strangers = []
        for _ in range(6):
            strangers.append(await asyncio.to_thread(Stranger, commands))
            await asyncio.sleep(0.01)
        await asyncio.to_thread(strangers[0].is_let_go)
        assert len(door._commands.connections) <= 3
        assert any(connection.is_known for connection in door._commands.connections)
        for one in (known, *strangers):
            one.close()

    in_a_door(work)


@pytest.mark.parametrize(("system", "files"), [("win32", 512), ("linux", 256), ("darwin", 10_240)])
def test_full_ports_leave_files_for_everything_else(system: str, files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows two full ports were more than a loop can look at: `select` raised, and the daemon ended."""
    monkeypatch.setattr(pytest.importorskip("resource"), "getrlimit", lambda what: (files, files))
    monkeypatch.setattr(sys, "platform", system)
    for ports, most in ((2, 512), (1, 400)):
        assert ports * open_files.most_connections(ports, most) + 100 * (files >= 512) < files - 40


@pytest.mark.skipif(sys.platform == "win32", reason="there, the limit is on sockets of a select")
def test_files_that_run_out_while_a_peer_comes_are_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio wrote a hundred tracebacks a second; it waits a second each time, and takes the peer afterwards."""

    async def work(door: LocalDoor, commands: str, events: str) -> None:
        loop = asyncio.get_running_loop()
        say_when_files_run_out(loop, logging.getLogger("bridge.daemon"))
        real = socket.socket.accept
        with pytest.MonkeyPatch.context() as patch:
            failed = 0

            def accept(self: socket.socket) -> object:
                nonlocal failed
                failed += 1
                raise OSError(errno.EMFILE, "Too many open files")

            patch.setattr(socket.socket, "accept", accept)
            stranger = await asyncio.to_thread(Stranger, commands)
            while not failed:
                await asyncio.sleep(0.01)
            patch.setattr(socket.socket, "accept", real)
        assert await asyncio.to_thread(stranger.socket.recv, 1) and failed < 300
        stranger.close()

    in_a_door(work)
    said = [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert len(said) == 1 and "Too many files" in said[0] and "ulimit" in said[0]
    assert "ulimit" in content_of(OSError(errno.EMFILE, "Too many open files")).message


def test_of_a_connection_that_was_dropped_nothing_is_kept() -> None:
    """asyncio frees it only when it looks for cycles: a flood of connections would take hundreds of megabytes."""

    async def run() -> None:
        kept: list[Connection] = []

        async def talk(connection: Connection) -> None:
            kept.append(connection)
            await connection.head()
            raise Broken("enough")

        port = listener.Listener(b"ROUTER", talk)
        endpoint = await port.open()
        with await asyncio.to_thread(Stranger, endpoint) as stranger:
            flood = encode_message([b"x" * 64]) * 4000
            await asyncio.to_thread(stranger.socket.send, flood)
            while not kept or kept[0] in port.connections:
                await asyncio.sleep(0.01)
        assert not kept[0]._reader._buffer  # type: ignore[attr-defined]
        await port.close()

    asyncio.run(run())


def test_who_never_shows_the_key_is_let_go_after_a_while() -> None:
    async def work(door: LocalDoor, commands: str, events: str) -> None:
        stranger, subscriber = Stranger(commands), Stranger(events, b"SUB")
        await greeted(door._commands)
        await greeted(door._events)
        for part in (door._commands, door._events):
            part._beat = time.monotonic() + listener.STRANGER_SECONDS
            part.look(time.monotonic() + listener.STRANGER_SECONDS + 1)
        await asyncio.to_thread(stranger.is_let_go)
        await asyncio.sleep(0.01)
        assert len(door._events.connections) == 1  # a subscriber has no key to show; it is asked for a sign of life
        part = door._events
        part._beat = time.monotonic() + 100
        part.look(time.monotonic() + 100)
        await asyncio.to_thread(subscriber.is_let_go)
        stranger.close()
        subscriber.close()

    in_a_door(work)


def test_after_a_sleep_nobody_is_taken_for_silent() -> None:
    async def work(door: LocalDoor, commands: str, events: str) -> None:
        subscriber = Stranger(events, b"SUB")
        await greeted(door._events)
        now = time.monotonic()
        door._events._beat = now
        door._events.look(now)
        door._events.look(now + 3600)  # the machine slept
        await asyncio.sleep(0.01)
        assert len(door._events.connections) == 1
        subscriber.close()

    in_a_door(work)


def test_the_engines_port_lets_go_of_everybody_else(tmp_path: Path) -> None:
    """Garbage was a line in the log each, and twenty seconds of silence."""

    async def work() -> None:
        engine = EngineProcess(Settings(home=tmp_path, renderer=SINES))
        job = RenderJob(job_id="one", model=str(MODEL), request=text("steps=20"))
        task = asyncio.create_task(engine.render(job, lambda said: None))
        while not engine._endpoint:
            await asyncio.sleep(0.01)
        stranger = await asyncio.to_thread(Stranger, engine._endpoint)
        await asyncio.to_thread(flood, stranger)
        assert (await task).job_id == "one"
        stranger.close()
        await engine.close()

    def flood(stranger: Stranger) -> None:
        with contextlib.suppress(OSError):
            for _ in range(50):
                stranger.send(encode_message([UNSIGNED, b"{}", b"{}"]) * 100)
        assert stranger.is_let_go()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as loop:
        loop.run(work())


def test_limits_are_ordered() -> None:
    assert gate.SMALL_OF_STRANGERS < gate.SMALL_BYTES < gate.MOST_BEFORE_BUFFERS

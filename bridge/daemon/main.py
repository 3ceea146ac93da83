"""The daemon as a process: lock, folders, sockets, queue, signals; up and down in the right order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import zmq.asyncio

from bridge.daemon.dispatch import Dispatch
from bridge.daemon.doors.curve_door import CurveDoor
from bridge.daemon.doors.door import LocalDoor
from bridge.daemon.durable.look import Look
from bridge.daemon.durable.spare_room import SpareRoom
from bridge.daemon.durable.threads import FileThreads
from bridge.daemon.executor import Executor, make_executor
from bridge.daemon.hub import Hub
from bridge.daemon.operations import Operations
from bridge.daemon.pauses import keep_out_of_collections, take_short_turns
from bridge.daemon.runner import Runner
from bridge.daemon.server import Server
from bridge.daemon.settings import CLIENT_QUOTA_GB, Settings
from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.files import AudioStore
from bridge.files.fetch import CHOICES, UrlRules, allowed_urls
from bridge.files.one_home import claim
from bridge.jobs import JobStore
from bridge.jobs.connection import JOURNAL_BYTES
from bridge.log import LEVELS, TextFormatter, hide, level_of, set_up
from bridge.log_reading import log_path
from bridge.protocol import keys
from bridge.protocol.errors import BridgeError, RequestFailed, StoreUnavailable
from bridge.protocol.home import (
    Connection,
    Endpoints,
    connection_path,
    forget_connection,
    home_folder,
    keep_connection,
    make_home,
    remove_leftovers,
    write_connection,
    write_install,
)
from bridge.protocol.lock import FileLock, HomeLock
from bridge.protocol.messages import Content
from bridge.system.open_files import allow_many_files, say_when_files_run_out
from bridge.system.own_code import own_code
from engine.errors import InvalidRequest

T = TypeVar("T")
logger = logging.getLogger("bridge.daemon")
FAULT = 70  # an exit status that asks for another try, as a death by a signal does
_OTHER_SECONDS = 10.0
_LOCK_TRIES = 5
_KEEP_SECONDS, _LOOKS_FOR_HOME = 2.0, 3
_MOST_PUT_BACK = 20  # a disk that gives open files other numbers all the time is not looked at any more
_LEFTOVER_SECONDS = 3600.0  # what is half written for so long was left by a writer that was killed
_HELD_SECONDS, _HELD_PAUSE_SECONDS = 40.0, 0.5  # that the start waits while another program holds the file of jobs
_CLEAN_SECONDS = 3600.0  # for looking at all audio
_SMALL_STORE_BYTES = 1 << 23  # looked at before the start; a larger one meanwhile


def serve(settings: Settings) -> int:
    """Run a daemon until it is told to stop. 0 also if another one runs in this home, once that one answers."""
    home = make_home(settings.home)
    with HomeLock(home) as lock:
        if not _acquired(lock) and (status := _wait_for_other(home, lock)) is not None:
            return status
        forget_connection(home)
        write_install(home)
        take_short_turns()
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_Daemon(settings, lock).run())
    return 0


def main(arguments: Sequence[str] | None = None, in_terminal: bool = True) -> int:
    """Run a daemon with these arguments. Gives the exit status. `in_terminal`: a person sees what it logs, too."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no standard error, as under pythonw
        faulthandler.enable()  # what a fault of a library leaves in daemon.err
    set_up(None, on_stderr=TextFormatter())
    try:
        settings = read_settings(arguments)
        make_home(settings.home)
        set_up(
            settings.log or log_path(settings.home, "daemon"),
            settings.log_level or level_of(),
            TextFormatter() if in_terminal else None,
            lazily=settings.log is None,
        )
        return serve(settings)
    except (BridgeError, InvalidRequest, ValueError) as error:
        logger.error("%s", error)
        return 2
    except OSError as error:
        logger.error("%s%s", f"{error.filename}: " if error.filename else "", error.strerror or error)
        return 1
    except Exception:
        logger.exception("the daemon ends")
        return FAULT


def read_settings(arguments: Sequence[str] | None = None) -> Settings:
    """The settings of a command line."""
    parser = argparse.ArgumentParser(prog="python -m bridge.daemon", description="The acestep-bridge daemon.")
    parser.add_argument("--home", type=Path, default=home_folder(), help="its folder")
    parser.add_argument("--bind", default="", help="tcp://ADDRESS:PORT for other machines, with CURVE")
    parser.add_argument("--model", default="", help="default model, by name or folder")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or mps; cuda:0,cuda:1 or cpu*2 for several engine processes"
    )
    parser.add_argument("--executor", default="local", choices=("local", "ray"), help="who renders")
    parser.add_argument("--address", default="", help="address of a Ray cluster, such as auto or 10.0.0.5:6379")
    parser.add_argument("--workers", type=int, default=0, help="actors of the cluster; 0: one per GPU")
    parser.add_argument("--memory", default="", help="memory mode of the engine")
    parser.add_argument("--warm", action="store_true", help="load the model at once")
    parser.add_argument("--allow-root", type=Path, action="append", default=[], help="folder for other machines")
    parser.add_argument("--client-quota-gb", type=float, default=CLIENT_QUOTA_GB, help="audio of each other machine")
    parser.add_argument("--audio-urls", choices=CHOICES, default=allowed_urls(), help="audio by URL")
    parser.add_argument("--log", type=Path, help="file for what it has to say, instead of daemon.log in its folder")
    parser.add_argument("--log-level", default="", choices=("", *LEVELS), help="from which level on")
    parser.add_argument("--renderer", default=DEFAULT_RENDERER, help=argparse.SUPPRESS)
    parser.add_argument("--journal-bytes", type=int, default=JOURNAL_BYTES, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    return Settings(
        home=given.home.absolute(),
        bind=given.bind,
        model=given.model,
        device=given.device,
        memory=given.memory,
        executor=given.executor,
        cluster=given.address,
        workers=given.workers,
        warm=given.warm,
        allowed_roots=tuple(given.allow_root),
        client_quota_bytes=int(min(given.client_quota_gb, 1e9) * 1e9),
        journal_bytes=given.journal_bytes,
        urls=UrlRules(given.audio_urls),
        renderer=given.renderer,
        log=given.log,
        log_level=given.log_level,
    )


class _Daemon:
    """Everything between the first and the last await."""

    def __init__(self, settings: Settings, lock: HomeLock) -> None:
        self._settings, self._lock = settings, lock
        self._server: Server | None = None
        self._is_looked_at = False  # the whole file of jobs, at the start

    async def run(self) -> None:
        settings, home = self._settings, self._settings.home
        allow_many_files()
        say_when_files_run_out(asyncio.get_running_loop(), logger)
        key = secrets.token_hex(32)
        hide(key)
        remove_leftovers(home, _LEFTOVER_SECONDS)
        spare = SpareRoom(home)
        store = await _patiently(lambda: JobStore(home / "jobs.sqlite3"), spare)
        audio = AudioStore(home / "audio")
        self._is_looked_at = store.path.stat().st_size < _SMALL_STORE_BYTES
        if self._is_looked_at:
            await _patiently(store.check, spare)
        store.journal.lengthen(settings.journal_bytes)
        audio.make_folders()
        claim(audio.folder, home)
        audio.remove_half_made(_LEFTOVER_SECONDS)
        hub = Hub(self._publish)
        executor = make_executor(settings)
        runner = Runner(store, hub, executor, settings)
        spare.keep()
        operations = Operations(settings, store, audio, runner)
        dispatch = Dispatch(operations.handlers, store, operations.stopping)
        server = self._server = Server(dispatch, operations.counters)
        context = zmq.asyncio.Context() if settings.bind else None
        try:
            server.doors.append(LocalDoor(key, server.hearing))
            if context is not None:
                server.doors.append(CurveDoor(context, home, settings.bind, server.hearing))
            endpoints, *others = [await door.open() for door in server.doors]
            for job in await _patiently(store.requeue_running, spare):
                hub.job_changed(job, 0)
            _listen_to_signals(operations.stopping, executor)
            connection = Connection(endpoints=endpoints, key=key, pid=os.getpid(), started=time.time())
            write_connection(home, connection)
            _write_links(home, others)
            keep_out_of_collections()
            logger.info("ready at %s", endpoints.commands)
            await self._work(server, runner, operations, audio, store, connection)
        finally:
            forget_connection(home)
            await executor.close()
            for door in server.doors:
                await door.close()
            store.close()
            if context is not None:
                context.term()
            logger.info("stopped")

    async def _work(
        self,
        server: Server,
        runner: Runner,
        operations: Operations,
        audio: AudioStore,
        store: JobStore,
        connection: Connection,
    ) -> None:
        tasks = [asyncio.create_task(door.serve()) for door in server.doors]
        tasks.append(asyncio.create_task(runner.run()))
        keeper = asyncio.create_task(_keep(self._lock, connection, store, operations.stopping))
        tasks.append(keeper)
        if not self._is_looked_at:
            tasks.append(asyncio.create_task(Look(store.path).run(operations.stopping)))
        tasks.append(asyncio.create_task(_remember_own_code()))
        tasks.append(asyncio.create_task(operations.forgetting.keep_within_limits(self._settings.home)))
        tasks.append(asyncio.create_task(_clean(audio, store, self._settings.keep_unused_audio_seconds)))
        if self._settings.warm:
            operations.warm()
        for task in tasks:
            task.add_done_callback(_report)
        await operations.stopping.wait()
        keeper.cancel()
        forget_connection(self._settings.home)
        runner.requeue_current()
        await server.finish()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _publish(self, topic: str, content: Content, owner: str) -> None:
        if self._server is not None:
            self._server.publish(topic, content, owner)


async def _patiently(work: Callable[[], T], spare: SpareRoom) -> T:
    """What the start needs of the file of jobs, once no other program holds it, and on a full disk with the room that
    is kept. Raises StoreUnavailable, StoreError.
    """
    limit = time.monotonic() + _HELD_SECONDS
    while True:
        try:
            return work()
        except StoreUnavailable as error:
            if error.code != "store_busy" and spare.give_up():  # some writes to a full disk are told as errors of it
                continue
            if error.code != "store_busy" or time.monotonic() > limit:
                raise
            logger.warning("%s", error)
            await asyncio.sleep(_HELD_PAUSE_SECONDS)


async def _keep(lock: HomeLock, connection: Connection, store: JobStore, stopping: asyncio.Event) -> None:
    """Clients find the daemon by a lock and a file, and jobs live in another: they are put right while it runs. A
    daemon whose folder has gone ends: nobody can find it any more.
    """
    home, gone, put_back = lock.path.parent, 0, 0
    while gone < _LOOKS_FOR_HOME:
        await asyncio.sleep(_KEEP_SECONDS)
        gone = 0 if home.is_dir() else gone + 1
        with contextlib.suppress(OSError, StoreUnavailable):
            if not gone and keep_connection(home, connection):
                logger.warning("%s was damaged or gone: written again", connection_path(home).name)
            if not gone and lock.put_back():
                logger.warning("%s was removed: made again", lock.path.name)
            if not gone and put_back < _MOST_PUT_BACK and store.put_back():
                put_back += 1
                logger.error("%s, or its log, was removed or replaced: written again", store.path.name)
    logger.error("%s is gone: the daemon ends", home)
    stopping.set()


def _report(task: asyncio.Task[None]) -> None:
    """A part of the daemon that ends by itself is a fault; it must not end unheard."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("a part of the daemon has ended", exc_info=task.exception())


def _write_links(home: Path, others: Sequence[Endpoints]) -> None:
    for endpoints in others:
        for name in keys.allowed(home):
            keys.write_link(home / "curve" / f"{name}.link.json", keys.link(home, name, endpoints))


def _listen_to_signals(stopping: asyncio.Event, executor: Executor) -> None:
    """The first signal stops in order, a second one at once. Under nohup a closed terminal is left alone."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopping.is_set():
            executor.kill()
            os._exit(128 + number)
        stopping.set()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda got, _: loop.call_soon_threadsafe(stop, got))


async def _remember_own_code() -> None:
    """As it is at the start: an update is seen by what changes."""
    await asyncio.to_thread(own_code)


async def _clean(audio: AudioStore, store: JobStore, seconds: float) -> None:
    """Once a day, forget audio that nobody has used for long. The store answers on this loop's thread."""
    threads = FileThreads(at_once=1, seconds=_CLEAN_SECONDS)
    while True:
        used: set[str] = set()
        for first in range(256):  # a part at a time: there may be a hundred thousand
            used |= store.used(f"{first:02x}")
            await asyncio.sleep(0)
        with contextlib.suppress(RequestFailed):  # a drive that does not answer
            await threads.run(audio.clean, used.__contains__, seconds)
        with contextlib.suppress(StoreUnavailable):
            store.forget_uploads(seconds)
        await asyncio.sleep(86400.0)


def _acquired(lock: FileLock) -> bool:
    """Clients hold the lock for moments, when they look whether a daemon has it."""
    for _ in range(_LOCK_TRIES):
        if lock.acquire():
            return True
        time.sleep(0.02)
    return False


def _wait_for_other(home: Path, lock: FileLock) -> int | None:
    """The exit status where another daemon answers, or hangs; None where it was stopping and has given up the lock."""
    limit = time.monotonic() + _OTHER_SECONDS
    while time.monotonic() < limit:
        if connection_path(home).exists():
            return 0
        if lock.acquire():
            return None
        time.sleep(0.02)
    logger.error("another daemon holds %s but does not answer", home / "daemon.lock")
    return 1

"""A daemon under load: `python -m tests.load [clients] [soak] [history] [--short]`, each part by its name, or all.

clients   20 clients submit 1,000 jobs of mixed priorities as fast as they are answered; then all are rendered
soak      2,000 jobs of `nano`, as short as they can be: what grows after the first 100
history   a daemon that runs with 100,000 finished jobs in its store

It prints figures, and fails where a job is lost or out of turn, or, but for `--short`, a figure is over its limit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
import zmq

from bridge.client import Client
from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.jobs import JobStore
from bridge.jobs.connection import JOURNAL_BYTES
from bridge.protocol.frames import Data, decode, new_header, pack
from bridge.protocol.home import Connection, connection_path, read_connection
from bridge.protocol.messages import HelloRequest, JobStatus, SubmitRequest
from tests.support.daemons import MODEL, Daemon, running, text
from tests.support.patience import HANG_SECONDS

CLIENTS = 20
PRIORITIES = (0, 5, -3)
SUBMIT_P99_MS, GROWN_MB = 20.0, 20.0
SOAK_MB, SOAK_WARM = 10.0, 100
_SOAK_TOLD = 250  # jobs after which memory is told
HELLO_SECONDS, LIST_MS, METRICS_MS = 1.0, 20.0, 100.0


@dataclass
class Report:
    """Figures, printed as they come, and what was wrong. `is_strict`: figures over their limits are wrong."""

    is_strict: bool
    is_fine: bool = True

    def figure(self, name: str, value: float, unit: str, limit: float | None = None) -> None:
        """A figure with its limit."""
        over = limit is not None and value > limit
        self.is_fine = self.is_fine and not (over and self.is_strict)
        end = "" if limit is None else f"  (limit {limit:g}{', OVER' if over else ''})"
        print(f"  {name:44}{value:10.2f} {unit}{end}", flush=True)

    def check(self, name: str, holds: bool) -> None:
        """Something that must hold, however slow the machine is."""
        self.is_fine = self.is_fine and holds
        print(f"  {name:44}{'yes' if holds else 'NO':>10}", flush=True)


def share(values: list[float], part: float) -> float:
    """The value below which that part of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


@dataclass
class Caller:
    """A client that has one submit under way at a time, made and signed beforehand."""

    socket: zmq.Socket[bytes]
    messages: list[list[Data]]  # that are not sent yet, the last first
    waits: list[float] = field(default_factory=list)  # seconds
    ids: list[str] = field(default_factory=list)
    begun: float = 0.0

    def greet(self, hello: list[Data]) -> None:
        """Connect, as every client does before it asks for anything."""
        self.socket.send_multipart(hello)
        self.socket.recv_multipart()

    def call(self) -> None:
        """Submit the next."""
        self.begun = time.monotonic()
        self.socket.send_multipart(self.messages.pop())

    def hear(self) -> None:
        """Take the answer. Raises AssertionError for an error."""
        frames = self.socket.recv_multipart()
        self.waits.append(time.monotonic() - self.begun)
        answer = decode(frames)
        assert answer.header.op == "submit", answer.content
        self.ids.append(answer.content["job_id"])


def submit_many(home: Path, clients: int, jobs: int) -> list[Caller]:
    """Each client submits its jobs as fast as it is answered.

    All in one process without the Python client: twenty of those take more of two cores than the daemon does, and would
    be what is measured.
    """
    connection = read_connection(connection_path(home))
    with zmq.Context() as context:
        callers = [caller(context, connection, number, jobs) for number in range(clients)]
        poller, by_socket = zmq.Poller(), {caller.socket: caller for caller in callers}
        for each in callers:
            poller.register(each.socket, zmq.POLLIN)
            each.greet(pack(connection.key, new_header("hello"), HelloRequest()))
        for each in callers:
            each.call()
        while any(len(each.ids) < jobs for each in callers):
            for socket, _ in poller.poll():
                by_socket[socket].hear()
                if by_socket[socket].messages:
                    by_socket[socket].call()
        for each in callers:
            each.socket.close()
    return callers


def caller(context: zmq.Context[Any], connection: Connection, number: int, jobs: int) -> Caller:
    """A client with everything that it is going to say."""
    socket = context.socket(zmq.DEALER)
    socket.connect(connection.endpoints.commands)
    requests = [
        SubmitRequest(
            request=text("steps=1 step_seconds=0", seed=at),
            request_id=f"{number} {at}",
            priority=PRIORITIES[(number + at) % 3],
        )
        for at in reversed(range(jobs))
    ]
    return Caller(socket, [pack(connection.key, new_header("submit"), request) for request in requests])


def clients(report: Report, jobs: int) -> None:
    """20 clients at once."""
    with daemon() as (running_daemon, client):
        holder = client.submit(text("steps=1000000 step_seconds=0.5"), priority=100)
        while holder.status().state == "queued":
            time.sleep(0.05)
        for number in range(20):
            client.submit(text("steps=1 step_seconds=0", seed=number), priority=-50)
        process = psutil.Process(pid_of(running_daemon))
        before = process.memory_info().rss
        each = jobs // CLIENTS
        spent = processor_seconds(process)
        callers = submit_many(running_daemon.home, CLIENTS, each)
        spent = processor_seconds(process) - spent
        waits = [wait * 1000 for caller in callers for wait in caller.waits]
        report.figure("(this disk alone keeps 4 kB in, 99 of 100)", share(disk_waits(running_daemon.home), 0.99), "ms")
        report.figure("submit, median", share(waits, 0.5), "ms")
        report.figure("submit, 99 of 100", share(waits, 0.99), "ms", SUBMIT_P99_MS)
        report.figure("... the daemon's processor time for each", 1000 * spent / len(waits), "ms")
        middles = [share(caller.waits, 0.5) for caller in callers]
        report.figure("slowest client's median over the fastest's", max(middles) / min(middles), "")
        holder.cancel()
        done = in_order(report, client, [job_id for caller in callers for job_id in caller.ids])
        report.check(f"{len(done)} jobs, none lost", len(done) == each * CLIENTS)
        report.figure("memory grown", (process.memory_info().rss - before) / 1e6, "MB", GROWN_MB)


def disk_waits(folder: Path, times: int = 100) -> list[float]:
    """Milliseconds that this disk takes to keep 4 kB, written over and over, with nothing else of ours under way."""
    waits = []
    with (folder / "waits").open("w+b", buffering=0) as file:
        for _ in range(times):
            begun = time.monotonic()
            os.pwrite(file.fileno(), bytes(4096), 0) if hasattr(os, "pwrite") else file.write(bytes(4096))
            os.fsync(file.fileno())
            waits.append(1000 * (time.monotonic() - begun))
    return waits


def processor_seconds(process: psutil.Process) -> float:
    """That it has used, in its own code and the system's."""
    times = process.cpu_times()
    return float(times.user + times.system)


def in_order(report: Report, client: Client, ids: list[str]) -> list[JobStatus]:
    """Wait for all, with one of a person in the middle; whether each had its turn."""
    while sum(client.status(job_id).is_finished for job_id in ids[:: max(1, len(ids) // 20)]) < 5:
        time.sleep(0.05)
    urgent = client.submit(text("steps=1 step_seconds=0", seed=1), priority=50)
    ended = urgent.wait(HANG_SECONDS)
    done = [status for job_id in ids if (status := client.job(job_id).wait(HANG_SECONDS)).state == "completed"]
    between = [s for s in done if s.started is not None and ended.created < s.started < (ended.started or 0.0)]
    report.check("an interactive job was next", len(between) <= 1)
    order = sorted(done, key=lambda status: status.started or 0.0)
    report.check("higher priorities first", all_in_turn(order, lambda status: -status.priority))
    for priority in PRIORITIES:
        equal = [status for status in order if status.priority == priority]
        report.check(f"of priority {priority} the oldest first", all_in_turn(equal, lambda status: status.created))
    return done


def all_in_turn(order: list[JobStatus], key: Callable[[JobStatus], float]) -> bool:
    """Whether what started one after another was also so by another measure."""
    values = [key(status) for status in order]
    return values == sorted(values)


def soak(report: Report, jobs: int, warm: int) -> None:
    """Jobs of the smallest real model, one after another."""
    with daemon(renderer=DEFAULT_RENDERER, model="nano") as (running_daemon, client):
        shown = Use(running_daemon, client)
        begun, first = time.monotonic(), None
        for at in range(0, jobs, 10):
            batch = [client.submit(nano_request(number)) for number in range(at, min(at + 10, jobs))]
            states = [job.wait(HANG_SECONDS).state for job in batch]
            if set(states) != {"completed"}:
                report.check(f"jobs from {at} on are completed", False)
                return
            if first is None and at + 10 >= warm:
                first = shown.now()
            elif first is not None and (at + 10) % _SOAK_TOLD == 0:
                grown = {name: (used[0] - first[name][0]) / 1e6 for name, used in shown.now().items()}
                print(
                    f"  {at + 10} jobs: " + ", ".join(f"{name} {size:+.1f} MB" for name, size in grown.items()),
                    flush=True,
                )
        assert first is not None
        last = shown.now()
        report.figure(f"{jobs} jobs", time.monotonic() - begun, "s")
        for name, (memory, handles, threads) in last.items():
            report.figure(f"{name}: memory grown", (memory - first[name][0]) / 1e6, "MB", SOAK_MB)
            report.check(f"{name}: {handles} handles, as after {warm} jobs", handles <= first[name][1] + 2)
            report.check(f"{name}: {threads} threads, as after {warm} jobs", threads <= first[name][2])


def nano_request(number: int) -> dict[str, Any]:
    """As short as can be, of changing lengths."""
    return {**text("house", seed=number), "duration": 0.5 + 0.1 * (number % 5), "number_of_steps": 1}


class Use:
    """What the daemon and its engine process use."""

    def __init__(self, running_daemon: Daemon, client: Client) -> None:
        self._daemon, self._client = running_daemon, client

    def now(self) -> dict[str, tuple[int, int, int]]:
        """Bytes of memory, handles, threads, by process."""
        pids = {"daemon": pid_of(self._daemon), "engine": self._client.hello().engine.pid}
        return {name: self._of(psutil.Process(pid)) for name, pid in pids.items()}

    def _of(self, process: psutil.Process) -> tuple[int, int, int]:
        handles = process.num_handles() if os.name == "nt" else process.num_fds()
        return process.memory_info().rss, handles, process.num_threads()


def history(report: Report, jobs: int) -> None:
    """A store with a long history under a daemon that runs."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        make_history(home, jobs)
        begun = time.monotonic()
        with running(home, "--model", str(MODEL)) as running_daemon, running_daemon.client() as client:
            report.figure("from the start of the process to its answer", time.monotonic() - begun, "s")
            for name, ask, limit in (
                ("hello", client.hello, HELLO_SECONDS * 1000),
                ("list of 50", client.jobs, LIST_MS),
                ("list of 50, completed", lambda: client.jobs("completed"), LIST_MS),
                ("metrics", client.metrics, METRICS_MS),
            ):
                waits = [timed(ask) * 1000 for _ in range(30)]
                report.figure(f"{name}, first", waits[0], "ms", limit)
                report.figure(f"{name}, 95 of 100", share(waits, 0.95), "ms", limit)
            report.check(f"{jobs} jobs are listed", client.jobs().total == jobs)
            report.check("a new job is done", client.submit(text()).wait(HANG_SECONDS).state == "completed")


def timed(ask: Callable[[], object]) -> float:
    """Seconds until it has answered."""
    begun = time.monotonic()
    ask()
    return time.monotonic() - begun


def make_history(home: Path, jobs: int) -> None:
    """Finished jobs as large as real ones, written straight into the store."""
    store = JobStore(home / "jobs.sqlite3")
    details = {"task": "text-to-audio", "request": text(), "model": "nano", "created": 1.7e9, "client_data": {}}
    recipe = {"recipe": 1, "model": {"name": "nano", "sha256": "0" * 64}, "request": {**text(), "lyrics": "la " * 300}}
    audio = {
        "path": "/a.wav", "sha256": "0" * 64, "file_name": "a.wav", "file_size": 1, "sample_rate": 48000, "channels": 2,
        "samples": 1, "content_type": "audio/wav",
    }  # fmt: skip
    entry = {"variation": 0, "audio": audio, "seed": 1, "model": {"name": "nano", "description": ""}, "recipe": recipe}
    texts = [msgspec.json.encode(value).decode() for value in (details, {"result": [entry]})]
    columns = ("job_id", "state", "owner", "priority", "sequence", "attempts", "started", "finished", "details",
               "outcome")  # fmt: skip
    with store.transaction():
        for number in range(jobs):
            state = ("completed", "completed", "completed", "failed", "cancelled")[number % 5]
            row = (f"20260101T000000-{number:08x}", state, "", 0, 5, 1, 1.7e9, 1.7e9 + number, *texts)
            store.take_in("jobs", columns, row)
            store.log(row[0], "info", state)
    store.close()


@contextmanager
def daemon(renderer: str | None = None, model: str = str(MODEL)) -> Iterator[tuple[Daemon, Client]]:
    """A daemon in a folder of its own, and a client of it."""
    options = {} if renderer is None else {"renderer": renderer}
    room = ("--journal-bytes", str(JOURNAL_BYTES))  # as users have it
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home", "--model", model, *room, **options) as running_daemon,
        running_daemon.client() as client,
    ):
        yield running_daemon, client


def pid_of(running_daemon: Daemon) -> int:
    """Of its process."""
    assert running_daemon.process is not None
    return running_daemon.process.pid


def main(arguments: list[str] | None = None) -> int:
    """Every part, or those named. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="clients, soak, history")
    parser.add_argument("--short", action="store_true", help="fewer jobs, and no figure fails")
    given = parser.parse_args(arguments)
    report, short = Report(is_strict=not given.short), given.short
    parts: dict[str, Callable[[], None]] = {
        "clients": lambda: clients(report, 200 if short else 1000),
        "soak": lambda: soak(report, 40 if short else 2000, 20 if short else SOAK_WARM),
        "history": lambda: history(report, 5000 if short else 100_000),
    }
    for name in given.parts or parts:
        if name not in parts:
            parser.error(f"{name}: expected {', '.join(parts)}")
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "not known"
        print(f"{name} (load of the machine {load})", flush=True)
        parts[name]()
    return 0 if report.is_fine else 1


if __name__ == "__main__":
    sys.exit(main())

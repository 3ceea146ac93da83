"""A daemon under load: `python -m tests.load [clients] [soak] [history] [--short]`, each part by its name, or all.

clients   20 clients submit 1,000 jobs of mixed priorities as fast as they are answered; then all are rendered
soak      2,000 jobs of `nano`, as short as they can be: what grows after the first 100
history   a daemon that runs with 100,000 finished jobs in its store

It prints figures, and fails where a job is lost or out of turn, or, but for `--short`, a figure is over its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bridge.client import AsyncClient, Client
from bridge.engine_process.wire import DEFAULT_RENDERER
from bridge.jobs import JobStore
from bridge.protocol.messages import JobStatus
from tests.support.daemons import MODEL, Daemon, running, text
from tests.support.patience import HANG_SECONDS

CLIENTS, PROCESSES = 20, 4
PRIORITIES = (0, 5, -3)
SUBMIT_P99_MS, GROWN_MB = 20.0, 20.0
SOAK_MB, SOAK_WARM = 10.0, 100
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


def submit_many(home: str, clients: int, jobs: int, told: Any) -> None:
    """In a process of its own: each client submits its jobs one after another. Tells seconds and job ids."""

    async def one(number: int) -> tuple[list[float], list[str]]:
        client, waits, ids = await AsyncClient.connect(Path(home)), [], []
        for at in range(jobs):
            request = text("steps=1 step_seconds=0", seed=at)
            begun = time.monotonic()
            ids.append((await client.submit(request, priority=PRIORITIES[(number + at) % 3])).job_id)
            waits.append(time.monotonic() - begun)
        await client.close()
        return waits, ids

    async def all_of_them() -> list[tuple[list[float], list[str]]]:
        return list(await asyncio.gather(*(one(number) for number in range(clients))))

    told.put(asyncio.run(all_of_them()))


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
        told: Any = multiprocessing.Queue()
        each = jobs // CLIENTS
        arguments = (str(running_daemon.home), CLIENTS // PROCESSES, each, told)
        workers = [multiprocessing.Process(target=submit_many, args=arguments) for _ in range(PROCESSES)]
        for worker in workers:
            worker.start()
        outcomes = [outcome for _ in workers for outcome in told.get()]
        for worker in workers:
            worker.join()
        waits = [wait * 1000 for waits, _ in outcomes for wait in waits]
        report.figure("submit, median", share(waits, 0.5), "ms")
        report.figure("submit, 99 of 100", share(waits, 0.99), "ms", SUBMIT_P99_MS)
        middles = [share(waits, 0.5) for waits, _ in outcomes]
        report.figure("slowest client's median over the fastest's", max(middles) / min(middles), "")
        holder.cancel()
        done = in_order(report, client, [job_id for _, ids in outcomes for job_id in ids])
        report.check(f"{len(done)} jobs, none lost", len(done) == each * CLIENTS)
        report.figure("memory grown", (process.memory_info().rss - before) / 1e6, "MB", GROWN_MB)


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
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home", "--model", model, **options) as running_daemon,
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

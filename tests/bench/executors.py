"""What executors cost: a job's way through a local engine process and through a Ray cluster, and how many jobs a while.

The renderer sleeps (tests.support.renderers), so that rendering costs no processor: what is left is ours and Ray's.
Ray's part is left out where it is not installed.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import quantiles

from bridge.client import Client
from tests.bench.figures import Figure, Result
from tests.support.daemons import running, text

JOBS, ROUNDS = 200, 40
WORKERS = {"local": (1, 2, 4, 8, 16, 32, 64), "ray": (1, 2, 4, 8, 16, 32)}
JOBS_A_MINUTE = 500  # that many workers are busy with, at most; renders are as long as that makes them
SHORTEST_SECONDS = 0.5


def executors(threads: int) -> list[Result]:
    """p95 of a short job's overhead, throughput of short jobs, share of the ideal with sleeping renderers."""
    results: list[Result] = []
    for name, options in _executors():
        for workers in WORKERS[name]:
            print(name, workers, flush=True)
            with (
                tempfile.TemporaryDirectory() as folder,
                running(Path(folder) / "home", *options(workers)) as daemon,
                daemon.client() as client,
            ):
                results += _measured(client, name, workers)
    return results


def _measured(client: Client, name: str, workers: int) -> list[Result]:
    _warm(client, workers)
    results: list[Result] = [_overhead(client, name)] if workers == 1 else []
    if workers <= 2:
        results.append(_throughput(client, name, workers))
    return results + _sleeping(client, name, workers)


def _executors() -> Iterable[tuple[str, Callable[[int], tuple[str, ...]]]]:
    yield "local", lambda workers: ("--device", f"cpu*{workers}")
    if importlib.util.find_spec("ray") is not None:
        yield "ray", lambda workers: ("--executor", "ray", "--workers", str(workers))


def _warm(client: Client, workers: int) -> None:
    """Until every worker has rendered."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        jobs = [client.submit(text("steps=1 step_seconds=0.3", seed=n)) for n in range(workers)]
        spans = [job.result().reply.timings["queued"] for job in jobs]
        if max(spans) < 0.25:
            return


def _overhead(client: Client, name: str) -> Figure:
    """Beyond the render's own 0.1 s, from submit to result."""
    beyond = []
    for n in range(ROUNDS):
        began = time.perf_counter()
        client.submit(text("steps=1 step_seconds=0.1", seed=n)).result()
        beyond.append(1000 * (time.perf_counter() - began - 0.1))
    value = quantiles(beyond, n=20)[18]
    return Figure(f"{name}_overhead_ms", f"a job beyond its render, {name}", value, "ms", "", f"p95 of {ROUNDS}")


def _throughput(client: Client, name: str, workers: int) -> Figure:
    began = time.perf_counter()
    jobs = [client.submit(text("steps=1 step_seconds=0.001", seed=n)) for n in range(JOBS)]
    for job in jobs:
        job.result()
    value = JOBS / (time.perf_counter() - began)
    return Figure(f"{name}_jobs_{workers}", f"short jobs, {name}, {workers} workers", value, "1/s", "", f"{JOBS} jobs")


def _sleeping(client: Client, name: str, workers: int) -> list[Result]:
    """Of jobs that sleep: the share of the ideal, and how long a submit takes meanwhile."""
    seconds = max(SHORTEST_SECONDS, workers * 60 / JOBS_A_MINUTE)
    each = max(4, round(10 * SHORTEST_SECONDS / seconds))
    count, submits, began = each * workers, [], time.perf_counter()
    jobs = []
    for n in range(count):
        start = time.perf_counter()
        jobs.append(client.submit(text(f"steps=1 step_seconds={seconds}", seed=n)))
        submits.append(1000 * (time.perf_counter() - start))
    for job in jobs:
        job.result()
    share = each * seconds / (time.perf_counter() - began)
    words, how = f"{workers} workers that sleep, {name}", f"{count} jobs of {seconds:.2f} s"
    return [
        Figure(f"{name}_ideal_{workers}", f"share of the ideal, {words}", share, "", "0.9", how),
        Figure(f"{name}_submit_ms_{workers}", f"submit, {words}", quantiles(submits, n=100)[98], "ms", "20", "p99"),
    ]


BENCHES = {"executors": executors}

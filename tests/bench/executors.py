"""What executors cost: a job's way through a local engine process and through a Ray cluster, and how many jobs a while.

The renderer sleeps (tests.support.renderers), so that rendering costs no processor: what is left is ours and Ray's.
Jobs of `nano` are as short as can be: its workers share this machine's cores. Ray's part is left out where it is not
installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import quantiles

from bridge.client import Client
from bridge.engine_process.wire import DEFAULT_RENDERER
from tests.bench.figures import Figure, Result
from tests.support.daemons import running, text
from tests.support.renderers import SINES

JOBS, ROUNDS = 200, 40
WORKERS = {"local": (1, 2, 4, 8, 16, 32, 64), "ray": (1, 2, 4, 8, 16, 32, 64)}
JOBS_A_MINUTE = 500  # that many workers are busy with, at most; renders are as long as that makes them
SHORTEST_SECONDS = 0.5
MOST_BEYOND_MS = "30"  # of a job on a cluster, against the local executor
NANO = {"task": "text-to-audio", "model": "nano", "tags": "techno", "duration": 0.5, "number_of_steps": 1}


def executors(threads: int) -> list[Result]:
    """p95 of a short job's overhead, throughput of short jobs, share of the ideal with sleeping renderers."""
    results: list[Result] = []
    for name, options in _executors():
        for workers in WORKERS[name]:
            print(name, workers, flush=True)
            with _daemon(*options(workers)) as client:
                results += _measured(client, name, workers)
            if workers <= 2:
                with _daemon(*options(workers), renderer=DEFAULT_RENDERER) as client:
                    results.append(_of_nano(client, name, workers))
    return results + _beyond_local([result for result in results if isinstance(result, Figure)])


@contextlib.contextmanager
def _daemon(*options: str, renderer: str = SINES) -> Iterator[Client]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home", *options, renderer=renderer) as daemon,
        daemon.client() as client,
    ):
        yield client


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
    limit = time.monotonic() + 60 + 3 * workers  # a worker takes a second of processor to start
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


def _of_nano(client: Client, name: str, workers: int) -> Figure:
    """Each worker has loaded it before."""
    for _ in range(2):
        jobs = [client.submit({**NANO, "seed": n}) for n in range(4 * workers)]
        [job.result() for job in jobs]
    began = time.perf_counter()
    jobs = [client.submit({**NANO, "seed": n}) for n in range(JOBS)]
    for job in jobs:
        job.result()
    value = JOBS / (time.perf_counter() - began)
    how = f"{JOBS} jobs of {NANO['duration']} s, {NANO['number_of_steps']} step"
    return Figure(f"{name}_nano_{workers}", f"short jobs of nano, {name}, {workers} workers", value, "1/s", "", how)


def _beyond_local(figures: list[Figure]) -> list[Figure]:
    values = {figure.name: figure.value for figure in figures}
    if "ray_overhead_ms" not in values:
        return []
    beyond = values["ray_overhead_ms"] - values["local_overhead_ms"]
    what = "a job on a cluster beyond the local executor's"
    return [Figure("ray_beyond_local_ms", what, beyond, "ms", MOST_BEYOND_MS, f"p95 of {ROUNDS} each")]


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

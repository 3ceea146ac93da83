"""What the HTTP gateway costs: processor time of a status, answers to many pollers while nano renders, large uploads.

The pollers are one process with plain sockets (gateway_pollers.py), since fifty Python clients would take the processor
that is to be measured; what they take themselves is told. Renders with and without them are made in turns, once with an
engine that leaves a core to everything else, once with one that has a thread a core.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import psutil

from bridge.client import Client, ensure_daemon
from bridge.protocol.messages import JobStatus
from tests.bench import gateway_pollers
from tests.bench.figures import Figure, Result
from tests.support.gateway import GatewayProcess

POLLERS, STREAMS, EVERY_SECONDS = 50, 10, 0.1
STATUS_SECONDS, ROUNDS = 5.0, 6
UPLOAD_SECONDS, RATE = 30, 96_000
SONG = {
    "task": "text-to-audio",
    "tags": "house, 124 bpm, drums, bass",
    "duration": 15.0,
    "seed": 7,
    "number_of_steps": 14,
}


def gateway(threads: int) -> list[Result]:
    """Every figure, with an engine that leaves a core to the rest, and the load with one that takes all cores."""
    spared = max(1, threads - 1)
    with _standing(spared) as (process, client):
        figures = [*_a_status(process, client), *_under_load(process, client, spared), *_upload(process)]
    if spared == threads:
        return [*figures]
    with _standing(threads) as (process, client):
        return [*figures, *_under_load(process, client, threads, "_all_cores")]


@contextlib.contextmanager
def _standing(threads: int) -> Iterator[tuple[GatewayProcess, Client]]:
    """A daemon with nano whose engine has so many threads, and a gateway; the model is loaded."""
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, OMP_NUM_THREADS=str(threads)):
        home = Path(name) / "home"
        home.mkdir()
        ensure_daemon(home, ("--model", "nano"))[0].close()
        process = GatewayProcess(home)
        process.start()
        try:
            with Client.connect(home) as client:
                client.submit({**SONG, "duration": 2.0}).wait(300)
                yield process, client
        finally:
            process.stop()
            with Client.connect(home) as client:
                client.shutdown()


def _a_status(process: GatewayProcess, client: Client) -> list[Figure]:
    job, path = _begun(process, client, {"tags": "a", "duration": 60, "number_of_steps": 200})
    with _load(process, client, path, 1, 0, 0.0) as load:
        time.sleep(STATUS_SECONDS)
    client.cancel(job)
    client.job(job).wait(300)
    count = len(load.times)
    costs = [1000 * load.seconds[name] / count for name in ("gateway", "daemon")]
    how = f"{count} polls of one running job, one after the other"
    return [
        Figure("gateway_status_ms", "a status, in the gateway", costs[0], "ms", "2", f"processor time, {how}"),
        Figure("gateway_daemon_ms", "and in the daemon", costs[1], "ms", "", f"nano's steps included, {how}"),
    ]


def _begun(process: GatewayProcess, client: Client, wanted: dict[str, Any]) -> tuple[str, str]:
    """A submitted call: its job, and the path of its status."""
    call = process.submit(wanted)
    job = client.jobs(limit=1).jobs[0]
    assert job.client_data["http"]["request_id"] == call["request_id"]
    return job.job_id, call["status_url"].removeprefix(process.url)


def _under_load(process: GatewayProcess, client: Client, threads: int, of: str = "") -> list[Figure]:
    quiet, loaded, loads = [], [], []
    wanted = {name: value for name, value in SONG.items() if name != "task"}
    for turn in range(ROUNDS):
        quiet.append(_seconds_of_render(client.submit({**SONG, "seed": turn}).wait(600)))
        job, path = _begun(process, client, wanted | {"seed": 100 + turn})
        with _load(process, client, path, POLLERS, STREAMS, EVERY_SECONDS) as load:
            loaded.append(_seconds_of_render(client.job(job).wait(600)))
        loads.append(load)
    return _figures(loads, min(loaded) / min(quiet), threads, of)


def _figures(loads: list[Load], ratio: float, threads: int, of: str) -> list[Figure]:
    times = sorted(seconds for load in loads for seconds in load.times)
    late = sorted(seconds for load in loads for seconds in load.late)
    wall = sum(load.wall for load in loads)
    shares = {name: 100 * sum(load.seconds[name] for load in loads) / wall for name in ("gateway", "pollers")}
    where = f"engine of {threads} of {os.cpu_count()} cores, {POLLERS} pollers at {1 / EVERY_SECONDS:.0f} a second"
    how = f"{where}, {STREAMS} streams, {len(times)} answers, {ROUNDS} renders each"
    asked = ("", "") if of else ("20", "1.03")
    return [
        Figure(f"gateway_p50_ms{of}", "a status while nano renders", _share(times, 0.5), "ms", "", f"median, {how}"),
        Figure(
            f"gateway_p99_ms{of}", "a status while nano renders", _share(times, 0.99), "ms", asked[0], f"p99, {how}"
        ),
        Figure(f"gateway_wake_ms{of}", "a timer's lateness meanwhile", _share(late, 0.99), "ms", "", f"p99, {where}"),
        Figure(
            f"gateway_render_ratio{of}",
            "render time under that load",
            ratio,
            "x",
            asked[1],
            f"the fastest of each: other work only adds, {how}",
        ),
        Figure(f"gateway_share{of}", "the gateway's share of a core", shares["gateway"], "%", "", where),
        Figure(f"gateway_pollers_share{of}", "and the pollers' own", shares["pollers"], "%", "", where),
    ]


def _share(values: list[float], share: float) -> float:
    """Milliseconds that so many of the sorted values are within."""
    return 1000 * values[min(len(values) - 1, int(len(values) * share))]


def _seconds_of_render(status: JobStatus) -> float:
    assert status.started is not None and status.finished is not None, status
    return status.finished - status.started


def _upload(process: GatewayProcess) -> list[Figure]:
    """30 s of stereo float audio at 96 kHz: 23 MB, once stored however often it is sent."""
    import io

    import numpy as np
    import soundfile

    file = io.BytesIO()
    noise = np.random.default_rng(1).uniform(-1, 1, (UPLOAD_SECONDS * RATE, 2)).astype(np.float32)
    soundfile.write(file, noise, RATE, format="WAV", subtype="FLOAT")
    data = file.getvalue()
    before, most, stop = psutil.Process(_pid(process)).memory_info().rss, [0], threading.Event()
    watching = threading.Thread(target=_watch_memory, args=(_pid(process), most, stop))
    watching.start()
    took = [_sent(process, data) for _ in range(3)]
    stop.set()
    watching.join()
    stored = [
        path for path in (process.home / "audio").rglob("*") if path.is_file() and path.stat().st_size == len(data)
    ]
    assert hashlib.sha256(data).hexdigest() == stored[0].stem
    how = f"{len(data) / 1e6:.1f} MB, sent three times"
    return [
        Figure("gateway_upload_s", "an upload", median(took), "s", "", how),
        Figure("gateway_upload_mb", "memory that it takes", max(0, most[0] - before) / 1e6, "MB", "23", f"peak, {how}"),
        Figure("gateway_upload_copies", "copies in the store", float(len(stored)), "", "1", how),
    ]


def _sent(process: GatewayProcess, data: bytes) -> float:
    announced = process.call(
        "POST", "/rest/storage/upload/initiate", {"content_type": "audio/wav", "file_name": "a.wav"}
    )
    began = time.perf_counter()
    request = urllib.request.Request(announced.json["upload_url"], data, {"Content-Type": "audio/wav"}, method="PUT")
    with urllib.request.urlopen(request, timeout=120) as answer:
        answer.read()
    return time.perf_counter() - began


def _watch_memory(pid: int, most: list[int], stop: threading.Event) -> None:
    watched = psutil.Process(pid)
    while not stop.wait(0.002):
        most[0] = max(most[0], watched.memory_info().rss)


@dataclass
class Load:
    """What came of some seconds of load: answers' times, lateness of timers, processor seconds by process; seconds."""

    times: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0


@contextlib.contextmanager
def _load(
    process: GatewayProcess, client: Client, path: str, pollers: int, streams: int, every: float
) -> Iterator[Load]:
    told = {"port": process.port, "key": process.key, "path": path}
    told |= {"pollers": pollers, "streams": streams, "every_seconds": every}
    words = [sys.executable, gateway_pollers.__file__, json.dumps(told)]
    pids = {"gateway": _pid(process), "daemon": client.hello().pid}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None and running.stdout is not None
        running.stdout.readline()
        load, began = Load(), time.perf_counter()
        before = {name: _seconds(pid) for name, pid in pids.items()}
        yield load
        load.seconds = {name: _seconds(pid) - before[name] for name, pid in pids.items()}
        load.wall = time.perf_counter() - began
        running.stdin.write("stop\n")
        running.stdin.flush()
        measured = json.loads(running.stdout.readline())
    load.times, load.late = [seconds for _, seconds in measured["answers"]], measured["late"]
    load.seconds["pollers"] = measured["processor_seconds"]


def _pid(process: GatewayProcess) -> int:
    assert process.process is not None
    return process.process.pid


def _seconds(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


BENCHES = {"gateway": gateway}

"""What the HTTP gateway costs: processor time of a status, answers to many pollers while nano renders, large uploads.

The pollers are a process of their own with plain sockets, since fifty Python clients would take the processor that is
to be measured. Renders with and without them are made in turns.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bridge.client import Client, ensure_daemon
from tests.bench.figures import Figure, Result
from tests.support.gateway import GatewayProcess

POLLERS, STREAMS, EVERY_SECONDS = 50, 10, 0.1
POLLS, ROUNDS = 600, 3
UPLOAD_SECONDS, RATE = 30, 96_000
SONG = {
    "task": "text-to-audio",
    "tags": "house, 124 bpm, drums, bass",
    "duration": 30.0,
    "seed": 7,
    "number_of_steps": 14,
}

LOAD = """
import asyncio, json, sys, time
host, port, key, path, pollers, streams, every = json.loads(sys.argv[1])
head = f"Host: {host}:{port}\\r\\nAuthorization: Key {key}\\r\\n"
times = []

async def poll(first):
    reader, writer = await asyncio.open_connection(host, port)
    await asyncio.sleep(first)
    while True:
        began = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\\r\\n{head}\\r\\n".encode())
        answer = await reader.readuntil(b"\\r\\n\\r\\n")
        length = next(int(l.split(b":")[1]) for l in answer.split(b"\\r\\n") if l.lower().startswith(b"content-length"))
        await reader.readexactly(length)
        took = time.perf_counter() - began
        times.append(took)
        await asyncio.sleep(max(0.0, every - took))

async def stream():
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path}/stream HTTP/1.1\\r\\n{head}\\r\\n".encode())
    while await reader.read(65536):
        pass
    await asyncio.sleep(3600)

async def all_of_it():
    work = [poll(every * n / pollers) for n in range(pollers)] + [stream() for _ in range(streams)]
    tasks = [asyncio.create_task(w) for w in work]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    print(json.dumps(times), flush=True)

asyncio.run(all_of_it())
"""


def gateway(threads: int) -> list[Result]:
    """Every figure, from one daemon and one gateway."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir()
        ensure_daemon(home, ("--model", "nano"))[0].close()
        process = GatewayProcess(home)
        process.start()
        try:
            with Client.connect(home) as client:
                client.submit({**SONG, "duration": 2.0}).wait(300)
                return [*_a_status(process, client), *_under_load(process, client), *_upload(process)]
        finally:
            process.stop()
            with Client.connect(home) as client:
                client.shutdown()


def _a_status(process: GatewayProcess, client: Client) -> list[Figure]:
    call = process.submit({"tags": "a", "duration": 60, "number_of_steps": 200})
    path = call["status_url"].removeprefix(process.url)
    gateway, daemon = _seconds(_pid(process)), _seconds(client.hello().pid)
    with _load(process, path, 1, 0, 0.0) as times:
        while process.call("GET", path).json["status"] != "COMPLETED" and not times.enough(POLLS):
            time.sleep(0.5)
    count = len(times.measured)
    costs = [(_seconds(_pid(process)) - gateway) / count, (_seconds(client.hello().pid) - daemon) / count]
    process.call("PUT", call["cancel_url"])
    process.finished(call)
    how = f"{count} polls of one running job"
    return [
        Figure("gateway_status_ms", "a status, in the gateway", 1000 * costs[0], "ms", "2", f"processor time, {how}"),
        Figure("gateway_daemon_ms", "and in the daemon", 1000 * costs[1], "ms", "", f"nano's steps included, {how}"),
    ]


def _under_load(process: GatewayProcess, client: Client) -> list[Figure]:
    quiet, loaded, times = [], [], []
    for turn in range(ROUNDS):
        quiet.append(_rendered(client, turn))
        long = process.submit({name: value for name, value in SONG.items() if name != "task"} | {"seed": 100 + turn})
        followed = long["status_url"].removeprefix(process.url)
        with _load(process, followed, POLLERS, STREAMS, EVERY_SECONDS) as measured:
            loaded.append(process.finished(long)["metrics"]["inference_time"])
        times += measured.measured
    times.sort()
    how = f"{POLLERS} pollers at {1 / EVERY_SECONDS:.0f} a second, {STREAMS} streams, {len(times)} answers"
    at = [1000 * times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.99)]
    ratio = median(loaded) / median(quiet)
    return [
        Figure("gateway_p50_ms", "a status while nano renders", at[0], "ms", "", f"median, {how}"),
        Figure("gateway_p99_ms", "a status while nano renders", at[1], "ms", "20", f"p99, {how}"),
        Figure(
            "gateway_render_ratio", "render time under that load", ratio, "x", "1.03", f"{ROUNDS} each, in turns, {how}"
        ),
    ]


def _rendered(client: Client, turn: int) -> float:
    status = client.submit({**SONG, "seed": turn}).wait(600)
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


class Times:
    """What the pollers measured, seconds each; `enough` while they run counts by the clock."""

    def __init__(self) -> None:
        self.measured: list[float] = []
        self.began = time.perf_counter()

    def enough(self, wanted: int) -> bool:
        return time.perf_counter() - self.began > wanted / 100


@contextlib.contextmanager
def _load(process: GatewayProcess, path: str, pollers: int, streams: int, every: float) -> Iterator[Times]:
    told: list[Any] = ["127.0.0.1", process.port, process.key, path, pollers, streams, every]
    words = [sys.executable, "-c", LOAD, json.dumps(told)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdin is not None and load.stdout is not None
        load.stdout.readline()
        times = Times()
        yield times
        load.stdin.write("stop\n")
        load.stdin.flush()
        times.measured = json.loads(load.stdout.readline())


def _pid(process: GatewayProcess) -> int:
    assert process.process is not None
    return process.process.pid


def _seconds(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


BENCHES = {"gateway": gateway}

"""What a job costs outside the engine: 30 s of stereo 48 kHz float audio in and out through a real daemon.

The way in is from `submit` with the samples in memory to the engine process's first line; the way out from samples in
the engine process to bytes in the client. Hashing and waiting for the disk are counted apart. A client on this machine
puts its audio into the daemon's store and reads results there; `wire` is the way of those who cannot, through sockets.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench.figures import Figure, Result
from tests.bench.timed_daemon import NOTES, RATE, SECONDS, watch

ROUNDS = 40
WARM_UP = 5
REACH = 15.0


class Way(NamedTuple):
    """Milliseconds of one way, and what of it was hashing and waiting for the disk."""

    rest: float
    hashing: float
    syncing: float


def bridge(threads: int) -> list[Result]:
    """p95 of both ways, through the store and through sockets, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[NOTES] = str(folder / "notes.jsonl")
        watch()
        ways = measured(folder)
    return [figure for name, taken in ways.items() for figure in _figures(name, taken)]


def measured(folder: Path, warm_up: int = WARM_UP, rounds: int = ROUNDS) -> dict[str, list[Way]]:
    """Every way of so many clips, through a daemon of its own in `folder`."""
    from bridge.client import Client
    from engine.audio.buffer import Audio

    renderer = f"{Path(__file__).with_name('timed_daemon.py')}:make"
    words = [sys.executable, "-m", "tests.bench.timed_daemon", "--home", str(folder), "--renderer", renderer]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        with _connected(folder) as client:
            assert isinstance(client, Client)
            random, store = np.random.default_rng(1), client._client.store
            ways: dict[str, list[Way]] = {"in": [], "out": [], "wire_in": [], "wire_out": []}
            for number in range(2 * (warm_up + rounds)):
                samples = random.uniform(-0.5, 0.5, (2, RATE * SECONDS)).astype(np.float32)
                wired = number % 2
                client._client.store = None if wired else store
                there, back = _one(client, Audio(samples, RATE), Path(os.environ[NOTES]), number)
                ways["wire_in" if wired else "in"].append(there)
                ways["wire_out" if wired else "out"].append(back)
            client.shutdown()
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
    return {name: taken[warm_up:] for name, taken in ways.items()}


def _connected(folder: Path):  # type: ignore[no-untyped-def]
    from bridge.client import Client
    from bridge.protocol.errors import DaemonNotRunning

    limit = time.monotonic() + 30
    while True:
        try:
            return Client.connect(folder)
        except DaemonNotRunning:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


def _one(client, audio, notes: Path, number: int) -> tuple[Way, Way]:  # type: ignore[no-untyped-def]
    import engine

    request = engine.Inpaint(
        audio=audio, tags="x", start_time=10, end_time=20, seed=number, bit_depth="32f", output="clip"
    )
    notes.write_text("")
    began = time.monotonic()
    job = client.submit(request)
    result = job.result("bytes")
    assert len(result.data) > RATE * SECONDS * 8
    ended = time.monotonic()
    client.delete(
        job.job_id
    )  # its pages serve the next round: a virtual machine may take 2 ms a megabyte for fresh ones
    spans = [json.loads(line) for line in notes.read_text().splitlines()]
    entered = next(start for kind, start, _ in spans if kind == "entered")
    made = next(start for kind, start, _ in spans if kind == "made")
    return _way(began, entered, spans), _way(made, ended, spans)


def _way(began: float, ended: float, spans: list[tuple[str, float, float]]) -> Way:
    inside = [(kind, max(a, began), min(b, ended)) for kind, a, b in spans if b > began and a < ended]
    hashing = sum(b - a for kind, a, b in inside if kind == "hash")
    syncing = sum(b - a for kind, a, b in inside if kind == "fsync")
    return Way((ended - began - hashing - syncing) * 1e3, hashing * 1e3, syncing * 1e3)


def _figures(name: str, ways: list[Way]) -> list[Result]:
    def p95(values: list[float]) -> float:
        return sorted(values)[int(len(values) * 0.95)]

    megabytes = RATE * SECONDS * 8 / 1e6
    how = f"{megabytes:.1f} MB, p95 of {len(ways)}; median {sorted(w.rest for w in ways)[len(ways) // 2]:.1f} ms"
    what = f"a clip's way {name.removeprefix('wire_')}{' through sockets' * name.startswith('wire_')}"
    return [
        Figure(
            f"bridge_{name}_ms",
            f"{what}, outside engine, hash and fsync",
            p95([w.rest for w in ways]),
            "ms",
            "< 15",
            how,
        ),
        Figure(f"bridge_{name}_hash_ms", f"{what}: hashing", p95([w.hashing for w in ways]), "ms", "", "SHA-256"),
        Figure(f"bridge_{name}_fsync_ms", f"{what}: fsync", p95([w.syncing for w in ways]), "ms", "", ""),
    ]


BENCHES = {"bridge": bridge}

"""`python -m tests.bench.bench_osc`: from datagram to acknowledgement, with the controller idle and while a job runs.

The controller is a process of its own with a real daemon, whose engine plays sines and reports a step each 2 ms; the
last figure is with nano, which keeps all cores busy.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bridge.client import Client, ensure_daemon
from bridge.osc.transport.packets import decode, encode
from tests.support.renderers import SINES

COUNT = 300


def acknowledgements(port: int, first: int) -> list[float]:
    """Milliseconds of COUNT commands, one every 10 ms."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface:
        surface.connect(("127.0.0.1", port))
        surface.settimeout(1)
        for number in range(first, first + COUNT):
            began = time.perf_counter()
            surface.send(encode("/acestep/take/next", number))
            while not any(m.path == "/acestep/ack" and m.arguments[1] == number for m in decode(surface.recv(65_535))):
                pass
            found.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
        surface.send(encode("/acestep/unregister"))
    return sorted(found)


@contextlib.contextmanager
def controller_with(engine: list[str], *options: str) -> Iterator[tuple[int, Client]]:
    """Port of a controller process, and a client of its daemon, which renders as `engine` says."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        client, _ = ensure_daemon(home, engine)
        words = [sys.executable, "-c", "from bridge.cli import main; main()", "osc", "--port", "0", *options]
        environment = {**os.environ, "ACESTEP_BRIDGE_HOME": str(home)}
        controller = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        assert controller.stdout is not None
        port = int(controller.stdout.readline().split("port ")[1].split(".")[0])
        time.sleep(1)
        try:
            yield port, client
        finally:
            controller.terminate()
            controller.communicate()
            client.shutdown()
            client.close()


def measured(engine: list[str], request: dict[str, object]) -> tuple[list[float], list[float]]:
    """Milliseconds with the controller idle and while the request renders, on a daemon of its own."""
    with controller_with(engine) as (port, client):
        return acknowledgements(port, 1000), rendering(client, port, request)


def rendering(client: Client, port: int, request: dict[str, object]) -> list[float]:
    job = client.submit({"task": "text-to-audio", "seed": 1, **request})
    while (status := job.status()).stage != "denoise" or status.step < 2:
        assert not status.finished, status  # of a job that is over no step is told
        time.sleep(0.1)
    times = acknowledgements(port, 5000)
    assert job.status().state == "running"
    job.cancel()
    return times


def main() -> None:
    idle, quick = measured(["--renderer", SINES], {"tags": "steps=8000 step_seconds=0.002", "duration": 0.5})
    _, nano = measured(["--model", "nano"], {"tags": "house, drums", "duration": 120, "number_of_steps": 200})
    figures = {"idle": idle, "rendering": quick, "nano": nano}
    told = {f"{name}_p95_ms": round(times[int(COUNT * 0.95)], 3) for name, times in figures.items()}
    print("from datagram to acknowledgement: idle reach 5 ms, rendering (sines, nano) reach 20 ms (p95)")
    for name, times in figures.items():
        middle, p95 = times[COUNT // 2], times[int(COUNT * 0.95)]
        print(f"{name:10} median {middle:.2f} ms, p95 {p95:.2f} ms, max {times[-1]:.2f} ms")
    print(json.dumps(told))


if __name__ == "__main__":
    main()

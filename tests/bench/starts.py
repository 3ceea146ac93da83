"""From nothing: the daemon's first answer, nano's first render in a new process, and what imports cost."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Result

ROUNDS = 5
FIRST_JOB = """
import json, time
began = time.perf_counter()
import torch
torch.set_num_threads({threads})
torch_at = time.perf_counter()
import engine.model
engine_at = time.perf_counter()
model = engine.load("nano", device="cpu")
loaded_at = time.perf_counter()
model.render(engine.TextToAudio(tags="house, drums", tempo=124, duration=8, seed=1))
ended = time.perf_counter()
print(json.dumps([torch_at - began, engine_at - torch_at, loaded_at - engine_at, ended - loaded_at]))
"""


def starts(threads: int) -> list[Result]:
    """Medians of several new processes."""
    daemon = [_daemon() for _ in range(ROUNDS)]
    cold = [_cold(threads) for _ in range(3)]
    whole = median(c[0] for c in cold)
    figures: list[Result] = [
        Figure("daemon_ready_seconds", "daemon ready", median(daemon), "s", "< 1", f"median of {ROUNDS}"),
        Figure("nano_cold_seconds", "nano: 8 s of audio in a new process", whole, "s", "<= 8", "median of 3"),
    ]
    for index, name in enumerate(("import torch", "import engine", "load nano", "first render"), 1):
        value = median(c[index] for c in cold)
        figures.append(Figure(f"cold_{name.replace(' ', '_')}_seconds", f"of it: {name}", value, "s", "", ""))
    return figures


def _daemon() -> float:
    from bridge.client import ensure_daemon

    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        client, _ = ensure_daemon(Path(home))
        seconds = time.perf_counter() - began
        with client:
            client.shutdown()
        time.sleep(0.5)
    return seconds


def _cold(threads: int) -> list[float]:
    began = time.perf_counter()
    words = [sys.executable, "-c", FIRST_JOB.format(threads=threads)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [time.perf_counter() - began, *json.loads(said.splitlines()[-1])]


BENCHES = {"starts": starts}

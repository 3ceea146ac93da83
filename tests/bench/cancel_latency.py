"""From a cancel to an engine that is idle again, at random moments of a job of nano through a real daemon."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Result

ROUNDS = 8
SECONDS = 60.0


def cancel(threads: int) -> list[Result]:
    """A cancel in the denoising takes at most a step; elsewhere one part of encoding or one tile."""
    from bridge.client import ensure_daemon

    request = {"task": "text-to-audio", "tags": "house, drums", "duration": SECONDS, "seed": 1, "number_of_steps": 60}
    waits, steps, chance = [], [], random.Random(0)
    with tempfile.TemporaryDirectory() as home:
        client, _ = ensure_daemon(Path(home), ["--device", "cpu"])
        with client:
            for _ in range(ROUNDS):
                job = client.submit(request)
                step = chance.randint(1, 25)
                while (status := job.status()).step < step:
                    if status.finished:  # of a job that is over no step is told
                        raise RuntimeError(f"the job was over before step {step}: {status.state}")
                    time.sleep(0.01)
                at, since = time.perf_counter(), job.status().step
                time.sleep(0.5)
                steps.append((time.perf_counter() - at) / max(1, job.status().step - since))
                began = time.perf_counter()
                job.cancel()
                while client.hello().engine.state != "idle":
                    time.sleep(0.002)
                waits.append(time.perf_counter() - began)
            client.shutdown()
    how = f"nano, {SECONDS:g} s, {ROUNDS} cancels while denoising; a step takes {median(steps) * 1e3:.0f} ms"
    worst = max(w / s for w, s in zip(waits, steps, strict=True))
    return [
        Figure("cancel_ms", "cancel until the engine is idle, worst", max(waits) * 1e3, "ms", "", how),
        Figure("cancel_steps", "the same in steps, worst", worst, "steps", "< 1", how),
    ]


BENCHES = {"cancel": cancel}

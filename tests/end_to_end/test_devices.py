"""Two devices make what one makes, bit for bit: variations, candidates, and what a killed engine was at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.client import ensure_daemon
from tests.support.golden_runs import GOLDEN

MODEL = str(GOLDEN / "tiny_checkpoint")


def test_variations_and_candidates_are_the_same_on_one_device_and_on_two(tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, np.random.default_rng(0).uniform(-0.3, 0.3, (96_000, 2)), 48_000)
    quick: dict[str, Any] = {"tags": "house", "number_of_steps": 2, "seed": 5}
    region = {"task": "inpaint", "audio": str(song), "start_time": 0.6, "end_time": 1.2, "context_seconds": 0.3}
    requests = [
        {**quick, "task": "text-to-audio", "duration": 1.0, "variations": 3},
        {**quick, **region, "candidates": 3},
        {**quick, **region, "variations": 2, "candidates": 2, "retake_seed": 9, "variance": 0.7},
    ]
    one, two = (_made(tmp_path / device, device, requests) for device in ("cpu", "cpu*2"))
    assert [spread for _, spread in one] == [False] * 3 and [spread for _, spread in two] == [True] * 3
    assert [entries for entries, _ in one] == [entries for entries, _ in two]


def _made(folder: Path, device: str, requests: list[dict[str, Any]]) -> list[tuple[list[Any], bool]]:
    folder.mkdir()
    client, _ = ensure_daemon(folder, ["--device", device, "--model", MODEL])
    with client:
        made = []
        for request in requests:
            job = client.submit(request)
            entries = [(e.variation, e.candidate, e.chosen, e.seed, e.audio.sha256) for e in job.result().entries]
            lines = [line.text for line in client.logs(job.job_id).lines]
            made.append((entries, any("spread over" in line for line in lines)))
        client.shutdown()
    return made

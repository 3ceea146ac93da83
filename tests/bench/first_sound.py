"""First sound: from a key press to a playable take of nano for 4 bars at 120 bpm, the daemon warm and cold, by stage.

A key press is the moment in which a client begins to connect; playable is when the path of a whole file is known and
its header has been read. The region lies in a song of a minute; each take has another seed, so that nothing is found in
a cache but the song's own latents, as it is for a musician who tries a region again.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import soundfile

from tests.bench.figures import Figure, Result, threads_in_words
from tests.bench.songs import write_song

BARS_SECONDS = 8.0
STEPS = (8, 27)
ROUNDS = 5


def first_sound(threads: int) -> list[Result]:
    """Seconds until a take can be played; the warm one at 8 steps is to be under 2 s on two cores."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # of the engine's process, which the daemon starts
    figures: list[Result] = []
    with tempfile.TemporaryDirectory() as name:
        song = write_song(Path(name), 60)
        for steps in STEPS:
            cold = [_cold(Path(name) / f"cold-{steps}-{turn}", song, steps) for turn in range(2)]
            figures += _warm(Path(name) / f"warm-{steps}", song, steps, threads)
            how = f"nano, 8 s in a song of 60 s, {steps} steps, {threads_in_words(threads)}, no daemon yet"
            figures.append(Figure(f"first_sound_cold_{steps}_seconds", "a take, cold", median(cold), "s", "", how))
    return figures


def _cold(home: Path, song: Path, steps: int) -> float:
    began = time.perf_counter()
    client = _connected(home)
    _take(client, song, 1, steps)
    seconds = time.perf_counter() - began
    _end(client)
    return seconds


def _warm(home: Path, song: Path, steps: int, threads: int) -> list[Result]:
    """The first region of a song that the daemon has not seen, then the same region again with other seeds."""
    from bridge.client import Client

    first = _connected(home)
    _take(first, write_song(home, 30), 1, steps)
    times: list[float] = []
    stages: list[dict[str, float]] = []
    for seed in range(ROUNDS):
        began = time.perf_counter()
        with Client.connect(home) as client:
            timings = _take(client, song, seed, steps)
        times.append(time.perf_counter() - began)
        stages.append(timings)
    _end(first)
    how = f"nano, 8 s in a song of 60 s, {steps} steps, {threads_in_words(threads)}"
    reach = "< 2" if steps == STEPS[0] else ""
    figures: list[Result] = [
        Figure(f"first_sound_new_{steps}_seconds", "a take, warm, the song new to it", times[0], "s", reach, how),
        Figure(f"first_sound_warm_{steps}_seconds", "a take, warm", median(times[1:]), "s", reach, f"{how}, median"),
    ]
    parts = {name: median(stage[name] for stage in stages[1:]) for name in stages[1]}
    waited = parts.pop("queued") + median(times[1:]) - parts.pop("running")
    parts["all else: client, daemon, files"] = waited
    for name, seconds in parts.items():
        figures.append(Figure(f"first_sound_{steps}_{name.split(':')[0]}", f"of it: {name}", seconds, "s", "", ""))
    return figures


def _connected(home: Path) -> Any:
    from bridge.client import ensure_daemon

    home.mkdir(parents=True)
    return ensure_daemon(home, ["--device", "cpu"])[0]


def _take(client: Any, song: Path, seed: int, steps: int) -> dict[str, float]:
    """The engine's times, by stage, of one take whose file was opened."""
    start = 20.0
    job = client.submit({
        "task": "inpaint", "audio": str(song), "tags": "house, 120 bpm, drums", "tempo": 120, "seed": seed,
        "start_time": start, "end_time": start + BARS_SECONDS, "number_of_steps": steps, "output": "clip",
    })  # fmt: skip
    result = job.result("path")
    with soundfile.SoundFile(result.path) as take:
        assert take.frames >= BARS_SECONDS * take.samplerate * 0.99, take.frames
    return dict(result.timings)


def _end(client: Any) -> None:
    with client:
        client.shutdown()


BENCHES = {"first-sound": first_sound}

"""The benchmarks: region cost, nano's speed, the daemon's start, a job's overhead outside the engine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tests.bench.figures import Figure, interleaved, seconds_of

RATE = 44100
REGION_SECONDS = 10.0


def write_song(folder: Path, seconds: float) -> Path:
    """A song-like WAV, 16 bit stereo: noise bursts twice a second over a drone. Written in chunks."""
    path = folder / f"song-{seconds:g}.wav"
    random = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for second in range(int(seconds)):
            t = second + np.arange(RATE) / RATE
            burst = random.standard_normal(RATE) * np.exp(-((t * 2) % 1) * 8) * 0.2
            file.write(np.stack([0.2 * np.sin(2 * np.pi * 110 * t) + burst] * 2, axis=1))
    return path


def region_cost(threads: int) -> list[Figure]:
    """A 10 s region in songs of 240 s and of an hour, against the same region in a song of 30 s."""
    import torch

    import engine

    torch.set_num_threads(threads)
    model = engine.load("nano")
    with tempfile.TemporaryDirectory() as folder:
        short, long, hour = (write_song(Path(folder), s) for s in (30, 240, 3600))

        def render(path: Path, start: float) -> Callable[[], object]:
            request = engine.Inpaint(
                audio=str(path), tags="house, 120 bpm, drums", tempo=120, seed=1, output="clip",
                start_time=start, end_time=start + REGION_SECONDS,
            )  # fmt: skip
            return lambda: model.render(request)

        base, in_long = interleaved(render(short, 10), render(long, 120), 5)
        base_again, in_hour = interleaved(render(short, 10), render(hour, 1800), 5)
    how = f"nano, {threads} threads, output=clip, median of 5, interleaved"
    return [
        Figure("region_240s_ratio", "10 s region: song of 240 s / of 30 s", in_long / base, "x", "<= 1.15", how),
        Figure("region_1h_ratio", "10 s region: file of 1 h / of 30 s", in_hour / base_again, "x", "<= 1.15", how),
        Figure("region_30s_seconds", "10 s region in 30 s, warm", base, "s", "", how),
    ]


def nano_speed(threads: int) -> list[Figure]:
    """Seconds of audio a second, 27 steps, text to audio."""
    import torch

    import engine

    torch.set_num_threads(threads)
    model = engine.load("nano")
    request = engine.TextToAudio(tags="house, 124 bpm, drums, bass", tempo=124, duration=20, seed=1, number_of_steps=27)
    model.render(request)
    times = sorted(seconds_of(lambda: model.render(request)) for _ in range(5))
    how = f"20 s, 27 steps, {threads} threads, median of 5"
    return [Figure("nano_realtime", "nano: seconds of audio a second", 20 / times[2], "x", ">= 5", how)]


def starts(threads: int) -> list[Figure]:
    """The daemon's first answer, and nano's first render in a new process."""
    from bridge.client import ensure_daemon

    daemon: list[float] = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as home:
            start = time.perf_counter()
            client, _ = ensure_daemon(Path(home))
            daemon.append(time.perf_counter() - start)
            with client:
                client.shutdown()
            time.sleep(0.5)
    code = (
        f"import torch; torch.set_num_threads({threads}); import engine; "
        "engine.load('nano').render(engine.TextToAudio(tags='house, drums', tempo=124, duration=8, seed=1))"
    )
    cold = seconds_of(lambda: subprocess.run([sys.executable, "-c", code], check=True))
    return [
        Figure("daemon_ready_seconds", "daemon ready", sorted(daemon)[2], "s", "< 1", "median of 5"),
        Figure("nano_cold_seconds", "nano: first 8 s in a new process", cold, "s", "<= 8", "one run"),
    ]


BENCHES: dict[str, Callable[[int], list[Figure]]] = {"region": region_cost, "nano": nano_speed, "starts": starts}

"""Long files are read only where they are needed: the bytes that go through the system's read calls are counted.

The source says that it lasts three hours; it is sparse, so that it costs no disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.audio.wave_writer import FileSpec, wave_header
from engine.model import load
from engine.rendering.source import open_source
from tests.support.networks_material import TINY

RATE, HOURS = 48000, 3
COUNTER = Path("/proc/self/io")


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Three hours of silence, 24 bit, with noise from 5,000 s to 5,006 s."""
    spec = FileSpec("WAV", "PCM_24", RATE, 2, HOURS * 3600 * RATE)
    header, path = wave_header(spec), tmp_path / "three hours.wav"
    noise = np.random.default_rng(0).integers(-60, 60, 6 * RATE * 6).astype(np.int8)
    with path.open("wb") as file:
        file.write(header)
        file.seek(len(header) + 5000 * RATE * 6)
        file.write(noise.tobytes())
        file.truncate(len(header) + spec.frames * 6)
    return path


@contextmanager
def counted() -> Iterator[list[int]]:
    """Bytes that this process reads inside of the block."""
    found: list[int] = []
    before = _read()
    yield found
    found.append(_read() - before)


def _read() -> int:
    return int(COUNTER.read_text(encoding="utf-8").split()[1])


@pytest.mark.skipif(not COUNTER.exists(), reason="the system does not count what a process reads")
def test_a_region_of_a_long_file_reads_its_window_only(song: Path) -> None:
    model = load(TINY, device="cpu")
    fields = {"start_time": 5002.0, "end_time": 5003.0, "context_seconds": 1.0, "output": "clip"}
    request = engine.Inpaint(audio=song, tags="x", seed=1, number_of_steps=1, **fields)
    model.render(request)  # what the first render imports is read, too, and is not the song
    with counted() as read:
        result = model.render(request)
    assert result.report["window"][0] >= 5000 * RATE and result.report["window"][1] <= 5005 * RATE
    whole, window = song.stat().st_size, 3 * RATE * 6
    assert whole > 3e9 and read[0] < 25 * window < whole / 100, f"{read[0]} bytes of {whole}"


@pytest.mark.skipif(not COUNTER.exists(), reason="the system does not count what a process reads")
def test_opening_reads_the_header_only(song: Path) -> None:
    with counted() as read:
        source = open_source(song)
    assert source.duration_seconds == HOURS * 3600 and read[0] < 200_000

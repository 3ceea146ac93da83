"""Client, daemon, engine process and the real engine together, with nano: the product's main path, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import engine
from bridge.client import Client
from engine.checkpoints import registry
from tests.support.patience import HANG_SECONDS

pytestmark = pytest.mark.skipif(not registry.resolve("nano").installed, reason="nano is not in the package yet")
RATE = 44100


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    """A client of the daemon that all files here share; requests name the model."""
    with Client.connect(home) as made:
        yield made


def song(path: Path, rate: int, subtype: str, channels: int, seconds: float = 8.0) -> Path:
    times = np.arange(int(rate * seconds)) / rate
    noise = np.random.default_rng(1).normal(0, 0.01, (times.size, channels))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * times)[:, None] + noise, rate, subtype=subtype)
    return path


def request(path: Path, **fields: object) -> engine.Inpaint:
    settings = {"model": "nano", "number_of_steps": 2, "context_seconds": 1.0, "seed": 7, **fields}
    return engine.Inpaint(audio=path, tags="house, 124 bpm, drums", start_time=3, end_time=4, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "subtype", "channels"),
    [(44100, "PCM_16", 2), (48000, "PCM_24", 2), (96000, "FLOAT", 2), (44100, "PCM_16", 1)],
)
def test_outside_of_region_and_fades_every_sample_is_the_sources(
    client: Client, tmp_path: Path, rate: int, subtype: str, channels: int
) -> None:
    path = song(tmp_path / "björn 音.wav", rate, subtype, channels)
    result = client.submit(request(path)).result()
    kind = "float64" if subtype == "FLOAT" else "int32"
    before, _ = soundfile.read(path, dtype=kind, always_2d=True)
    assert result.path is not None
    after, after_rate = soundfile.read(result.path, dtype=kind, always_2d=True)
    assert (after_rate, after.shape, soundfile.info(result.path).subtype) == (rate, before.shape, subtype)
    changed = np.flatnonzero((before != after).any(axis=1))
    fade = round(0.03 * rate)
    assert changed.size > rate // 2
    assert changed[0] >= 3 * rate - fade and changed[-1] < 4 * rate + fade
    assert result.first.region is not None
    assert (result.first.region.start, result.first.region.end) == (3 * rate, 4 * rate)
    assert result.seam_report is not None and result.seam_report["samples_changed_outside"] == 0


def test_the_same_request_twice_gives_equal_files(client: Client, tmp_path: Path) -> None:
    path = song(tmp_path / "song.wav", RATE, "PCM_16", 2)
    first, second = (client.submit(request(path)).result() for _ in range(2))
    assert first.sha256 == second.sha256 and first.seed == 7
    assert first.recipe == second.recipe and first.recipe["source_sha256"]
    assert "job" not in str(first.recipe) and str(tmp_path) not in str(first.recipe)


def test_a_clip_is_the_region_with_its_handles(client: Client, tmp_path: Path) -> None:
    path = song(tmp_path / "song.wav", RATE, "PCM_16", 2)
    result = client.submit(request(path, output="clip")).result()
    source, _ = soundfile.read(path, dtype="int16", always_2d=True)
    clip, _ = soundfile.read(str(result.path), dtype="int16", always_2d=True)
    offset = result.first.report["offset"]
    assert RATE <= len(clip) < 4 * RATE and offset <= 3 * RATE
    full = source[offset : offset + len(clip)]
    changed = np.flatnonzero((full != clip).any(axis=1)) + offset
    assert changed[0] >= 3 * RATE - 1323 and changed[-1] < 4 * RATE + 1323


def test_text_to_audio_reports_what_made_it(client: Client) -> None:
    job = client.submit(engine.TextToAudio(model="nano", tags="drums", duration=2, number_of_steps=2, variations=2))
    states = [status.stage for status in job.progress()]
    result = job.result()
    assert {"denoise", "decode"} & set(states)
    assert len(result.entries) == 2 and result.entries[1].seed == (result.seed + 1) % 2**31
    assert result.model.name == "nano" and "small test model" in result.model.description
    entry = result.first.audio
    assert (entry.sample_rate, entry.subtype, entry.channels) == (48000, "PCM_24", 2)


def test_cancel_of_a_real_render(client: Client) -> None:
    job = client.submit(engine.TextToAudio(model="nano", tags="drums", duration=20, number_of_steps=200))
    for status in job.progress():
        if status.stage == "denoise" and status.step:
            break
    job.cancel()
    assert job.wait(HANG_SECONDS).state == "cancelled"
    short = engine.TextToAudio(model="nano", tags="drums", duration=1, number_of_steps=1)
    assert client.submit(short).wait(HANG_SECONDS).state == "completed"

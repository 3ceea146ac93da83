"""ACE-Step 1.5 by the command line against a real daemon: files, their place, recipes, and what is refused early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.client import Client
from bridge.protocol.errors import InvalidField
from engine import Audio
from engine.requests import from_dict
from tests.support.cli_material import run
from tests.support.golden15_runs import OURS

BASE, TURBO = OURS / "tiny_checkpoint" / "base", OURS / "tiny_checkpoint" / "turbo"
RATE = 48000
FEW = ("--model", BASE, "--number-of-steps", "2", "--seed", "3")


def noise() -> Audio:
    return Audio(np.random.default_rng(1).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32), RATE)


@pytest.fixture(autouse=True)
def source(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test works in a folder of its own, with a source of 24 bits and the shared daemon."""
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    t = np.arange(4 * RATE) / RATE
    music = 0.3 * np.stack([np.sin(2 * np.pi * f * t) for f in (220.0, 331.0)], axis=1)
    soundfile.write("source.wav", music, RATE, subtype="PCM_24")
    return Path("source.wav")


def test_an_inpaint_leaves_the_rest_and_can_be_made_again(source: Path) -> None:
    given = ("--tags", "house", "--start-time", "1", "--end-time", "2", "--context-seconds", "1")
    made = run("inpaint", source, *given, *FEW, "-o", "out.wav")
    assert made.code == 0, made.err
    before, after = (soundfile.read(path, dtype="int32")[0] for path in ("source.wav", "out.wav"))
    fade = round(0.03 * RATE)
    assert np.array_equal(before[: RATE - fade], after[: RATE - fade])
    assert np.array_equal(before[2 * RATE + fade :], after[2 * RATE + fade :])
    assert not np.array_equal(before, after)
    again = run("again", "out.wav", "--model", BASE, "--audio", source, "-o", "again.wav")
    assert again.code == 0, again.err
    assert np.array_equal(soundfile.read("again.wav", dtype="int32")[0], after)


def test_lego_is_a_clip_of_the_region(source: Path) -> None:
    given = ("--track", "bass", "--start-time", "1", "--end-time", "2")
    made = run("lego", source, *given, *FEW, "-o", "bass.wav")
    assert made.code == 0, made.err
    clip, rate = soundfile.read("bass.wav")
    assert rate == RATE and clip.shape == (RATE + 2 * round(0.03 * RATE), 2) and np.abs(clip).max() > 0


def test_text_to_audio(source: Path) -> None:
    made = run("text-to-audio", "--tags", "house", "--duration", "2", *FEW, "-o", "new.wav")
    assert made.code == 0, made.err
    assert soundfile.info("new.wav").frames == 2 * RATE


def test_a_reference_clip_is_found_again(source: Path) -> None:
    given = ("--tags", "house", "--duration", "0.5", "--reference-audio", source, *FEW)
    made = run("text-to-audio", *given, "-o", "new.wav")
    assert made.code == 0, made.err
    again = run("again", "new.wav", "--model", BASE, "-o", "again.wav")
    assert again.code == 0 and "The reference clip is" in again.err, again.err
    assert Path("again.wav").read_bytes() == Path("new.wav").read_bytes()
    source.unlink()
    lost = run("again", "new.wav", "--model", BASE, "-o", "lost.wav")
    assert lost.code != 0 and "reference_audio" in lost.err


def test_what_a_checkpoint_is_not_trained_for_is_never_queued(home: Path, source: Path) -> None:
    with Client.connect(home) as client:
        before = client.jobs().total
        request = {"task": "lego", "audio": str(source.absolute()), "track": "bass", "model": str(TURBO)}
        with pytest.raises(InvalidField, match="which this model is not trained for"):
            client.submit(request)
        clip = {"task": "text-to-audio", "tags": "x", "reference_audio": str(source.absolute()), "model": "nano"}
        with pytest.raises(InvalidField, match="reference_audio: got a value, expected nothing"):
            client.submit(clip)
        with pytest.raises(InvalidField, match="reference_audio: got"):
            client.submit({**clip, "model": str(TURBO), "reference_audio": str(Path("nowhere.wav").absolute())})
        both = {"task": "extract", "track": "bass", "audio": noise(), "reference_audio": noise(), "model": str(TURBO)}
        with pytest.raises(InvalidField, match="which this model is not trained for"):
            client.submit(from_dict(both))
        long = {"task": "text-to-audio", "tags": "x", "duration": 601.0, "model": str(TURBO)}
        with pytest.raises(InvalidField, match="duration"):
            client.submit(long)
        with pytest.raises(InvalidField, match="at most 240 s"):
            client.submit({**long, "duration": 300.0, "model": "nano"})
        assert client.jobs().total == before

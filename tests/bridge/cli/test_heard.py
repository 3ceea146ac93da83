"""`play` and `compare` as they are heard: what a player sends to the sound device is what is in the file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.loudness import loudness_lufs
from tests.support.listening import RATE, alsa_file, only, sound_server, without_silence
from tests.support.patience import HANG_SECONDS

DEVICES = {
    "paplay": (sound_server, ("pulseaudio", "pactl", "parec")),
    "ffplay": (sound_server, ("pulseaudio", "pactl", "parec")),
    "aplay": (alsa_file, ()),
}


def music(path: Path, gain: float = 0.5, seconds: float = 1.0) -> np.ndarray:
    """A file of two channels that begins and ends with sound; its samples (2, N)."""
    t = np.arange(round(seconds * RATE)) / RATE
    samples = gain * np.stack([np.sin(2 * np.pi * (220 + 300 * t) * t + 1), np.cos(2 * np.pi * 330 * t)])
    soundfile.write(path, samples.T, RATE, subtype="FLOAT")
    return samples


def run(*words: object, environment: dict[str, str]) -> str:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "bridge.cli", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("player", DEVICES)
def test_what_is_played_is_the_file(player: str, tmp_path: Path) -> None:
    device, programs = DEVICES[player]
    if missing := [name for name in (player, *programs) if shutil.which(name) is None]:
        pytest.skip(f"not on PATH: {', '.join(missing)}")
    samples = music(tmp_path / "song.wav")
    louder, part = samples[:, : RATE // 2] * 0.1, slice(RATE // 4, RATE * 3 // 4)
    soundfile.write(tmp_path / "quiet.wav", louder.T, RATE, subtype="FLOAT")
    with device(tmp_path) as (environment, heard):
        environment["PATH"] = only(tmp_path, player)
        run("play", tmp_path / "song.wav", environment=environment)
        whole = without_silence(heard())
        assert_same(whole, samples)
        before = heard().shape[1]
        told = run("play", tmp_path / "song.wav", "--start-time", 0.25, "--end-time", 0.75, environment=environment)
        assert "0:00.5" in told
        assert_same(without_silence(heard()[:, before:] if device is sound_server else heard()), samples[:, part])
        before = heard().shape[1]
        run("compare", tmp_path / "song.wav", tmp_path / "quiet.wav", environment=environment)
        if device is sound_server:  # ALSA's file holds the last that was played
            assert_equally_loud(without_silence(heard()[:, before:]), RATE, RATE // 2)


def assert_same(heard: np.ndarray, samples: np.ndarray) -> None:
    """As long, to a few samples under the threshold of silence, and the same but for rounding to 16 bits."""
    wanted = without_silence(np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16))
    assert abs(heard.shape[1] - wanted.shape[1]) <= 4, (heard.shape, wanted.shape)
    shifts = range(-4, 5)
    length = min(heard.shape[1], wanted.shape[1]) - 8
    errors = [
        np.abs(heard[:, 4 + shift : 4 + shift + length].astype(int) - wanted[:, 4 : 4 + length]).max()
        for shift in shifts
        if heard[:, 4 + shift : 4 + shift + length].shape[1] == length
    ]
    assert min(errors) <= 4, errors


def assert_equally_loud(heard: np.ndarray, first: int, second: int) -> None:
    """One after the other; the louder one is brought down to the quieter one."""
    levels = [loudness_lufs(part.astype(np.float32) / 32768, RATE) for part in (heard[:, :first], heard[:, -second:])]
    assert abs(levels[0] - levels[1]) < 0.5, levels

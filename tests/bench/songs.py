"""What the benchmarks feed in: song-like audio, and lyrics of a given number of tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from engine.lyrics import encode_lyrics

RATE = 44100
VERSE = (
    "[verse]",
    "Walking down the river while the city lights are burning",
    "Every window tells a story that the morning will not keep",
    "I was counting all the bridges and the wheels were slowly turning",
    "Now the rain is on the pavement and the houses fall asleep",
    "",
    "[chorus]",
    "Hold the line until the daylight finds us on the other shore",
    "Hold the line and I will follow like I never did before",
    "",
)


def write_song(folder: Path, seconds: float) -> Path:
    """A song-like WAV, 16 bit stereo: noise bursts twice a second over a drone, ten seconds again and again."""
    path = folder / f"song-{seconds:g}.wav"
    t = np.arange(10 * RATE) / RATE
    burst = np.random.default_rng(0).standard_normal(len(t)) * np.exp(-((t * 2) % 1) * 8) * 0.2
    ten_seconds = np.stack([0.2 * np.sin(2 * np.pi * 110 * t) + burst] * 2, axis=1)
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for start in range(0, int(seconds), 10):
            file.write(ten_seconds[: (int(seconds) - start) * RATE])
    return path


def lyrics_of(tokens: int, vocabulary: Path | None = None) -> str:
    """English lyrics of at most so many tokens, and at most a line fewer."""
    lines: list[str] = []
    while True:
        line = VERSE[len(lines) % len(VERSE)]
        if len(encode_lyrics("\n".join([*lines, line]), "en", vocabulary).ids) > tokens:
            return "\n".join(lines)
        lines.append(line)

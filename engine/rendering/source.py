"""The audio that a task starts from: a file or samples in memory, read only where it is needed. Knows no model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.audio import files
from engine.audio.buffer import Audio, Samples
from engine.errors import InvalidRequest
from engine.requests.extent import SourceShape


@dataclass(frozen=True, eq=False)
class Source:
    """`frames` samples in each of `channels` at `sample_rate`; from `memory`, or from the file `info` describes."""

    frames: int
    sample_rate: int
    channels: int
    memory: Audio | None = None
    info: files.AudioInfo | None = None
    choice: tuple[int, ...] | None = None

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def notes(self) -> list[str]:
        """What was found wrong with the file and mended, as sentences."""
        return [f"The source: {note}." for note in self.info.notes] if self.info else []

    @property
    def shape(self) -> SourceShape:
        """Its numbers alone."""
        return SourceShape(self.frames, self.channels, self.sample_rate)

    def read(self, start: int = 0, stop: int | None = None) -> Samples:
        """Samples [start, stop), float32 (channels, n). Raises `InvalidRequest` for NaN or infinity there."""
        stop = self.frames if stop is None else stop
        if self.memory is not None:
            return self.memory.samples[:, start:stop]
        assert self.info is not None
        return files.read(self.info.path, start, stop, self.choice).samples

    def fingerprint(self, start: int, stop: int) -> str:
        """SHA-256 over the samples [start, stop) and their rate: the same audio by another path has the same."""
        digest = hashlib.sha256(f"{self.sample_rate} {self.channels} ".encode())
        digest.update(np.ascontiguousarray(self.read(start, stop)).tobytes())
        return digest.hexdigest()


def open_source(audio: Any, channels: Sequence[int] | None = None) -> Source:
    """A path or an `Audio` as a source. `channels` counts from 1, as requests do. Raises `InvalidRequest`."""
    choice = tuple(c - 1 for c in channels) if channels else None
    if isinstance(audio, Audio):
        chosen = audio if choice is None else Audio(_chosen(audio, choice), audio.sample_rate)
        return Source(chosen.frames, chosen.sample_rate, chosen.channels, memory=chosen)
    if not isinstance(audio, str | os.PathLike):
        raise InvalidRequest(
            "audio", type(audio).__name__, "a path or engine.Audio(samples, sample_rate)", "Give one of these."
        )
    info = files.probe(audio)
    count = files.check_channels(info, choice)
    return Source(info.frames, info.sample_rate, count, info=info, choice=choice)


def _chosen(audio: Audio, choice: tuple[int, ...]) -> Samples:
    if max(choice) >= audio.channels:
        raise InvalidRequest(
            "channels",
            f"{[c + 1 for c in choice]} of {audio.channels}",
            f"numbers from 1 to {audio.channels}",
            "Name channels that the audio has.",
        )
    return np.ascontiguousarray(audio.samples[list(choice)])

"""What can be told of a file of the store: length, loudness, beat; and the file in another format. Knows no HTTP."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.audio.files import probe, read
from engine.audio.loudness import loudness_lufs
from engine.audio.metadata import read_recipe
from engine.audio.tempo import estimate_beat
from engine.audio.write import FORMATS, write_audio
from engine.errors import InvalidRequest

_HEARD_SECONDS = 120.0  # what beat and loudness are found in: a longer file is not read to its end
CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg"}


def sound_facts(path: Path) -> dict[str, Any]:
    """Rate, channels, seconds, loudness, and the beat where one was found.

    Raises InvalidRequest for what is no audio, OSError for what is not there.
    """
    return _sound_facts(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _sound_facts(path: Path, modified: int) -> dict[str, Any]:
    info = probe(path)
    audio = read(path, 0, min(info.frames, round(_HEARD_SECONDS * info.sample_rate)))
    beat = estimate_beat(audio.samples, audio.sample_rate)
    found = {"bpm": round(beat.bpm, 3), "first_beat_seconds": round(beat.first_beat_seconds, 4)}
    return {
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "samples": info.frames,
        "seconds": info.duration_seconds,
        "loudness_lufs": round(loudness_lufs(audio.samples, audio.sample_rate), 2),
        "beat": found if beat.found else None,
    }


def converted(path: Path, made: Path, format: str) -> Path:
    """Write the file in another format, with its recipe inside. Raises InvalidRequest, WriteError."""
    if format not in FORMATS:
        raise InvalidRequest("format", repr(format[:20]), "one of " + ", ".join(FORMATS), "Choose one of these.")
    return write_audio(made, read(path), format, None, read_recipe(path))

"""Music from a folder, for `python -m tests.bench fit|ears|beat|edits FOLDER`: whatever the engine itself can read.

FOLDER may be one file. What cannot be used (shorter than 14 s, damaged, silent) is left out, and said by name. Of more
than two channels the first two are taken, as a request would choose them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from engine.audio.files import AudioInfo, probe, read
from engine.audio.seam_report import is_silent
from engine.errors import InvalidRequest

PIECE_SECONDS = 20.0
SHORTEST_SECONDS = 14.0
ENDINGS = {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".caf", ".w64", ".m4a", ".mp4"}
_NAMED = 12
Piece = tuple[NDArray[np.float32], int]  # (1 or 2, n) and its rate


@cache
def usable(folder: Path) -> tuple[AudioInfo, ...]:
    """The pieces of a folder, by name. Raises InvalidRequest where there is none; prints what was left out, and why."""
    if not folder.exists():
        raise InvalidRequest("FOLDER", str(folder), "a folder of music, or a file of it", "Check the path.")
    inside = folder.rglob("*") if folder.is_dir() else [folder]
    files = sorted({p.resolve() for p in inside if p.is_file() and p.suffix.lower() in ENDINGS})
    judged = [(path, _judged(path)) for path in files]
    left_out = [f"{path.name}: {why}" for path, why in judged if isinstance(why, str)]
    if left_out:
        more = [f"and {len(left_out) - _NAMED} more"] * (len(left_out) > _NAMED)
        text = "\n  ".join([f"{len(left_out)} of {len(files)} files are left out:", *left_out[:_NAMED], *more])
        Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(text)
    found = tuple(info for _, info in judged if isinstance(info, AudioInfo))
    if not found:
        got = f"{folder}, which has none of {len(files)} audio files to use"
        wanted = f"music of at least {SHORTEST_SECONDS:.0f} s as {', '.join(sorted(ENDINGS))}"
        raise InvalidRequest("FOLDER", got, wanted, "Name another folder.")
    return found


def middles(folder: Path) -> Iterator[Piece]:
    """20 s from the middle of each piece."""
    for info in usable(folder):
        yield cut(info, max(0.0, (info.duration_seconds - PIECE_SECONDS) / 2))


def cut(info: AudioInfo, start_seconds: float) -> Piece:
    """The 20 s from there on, or what there is."""
    first = round(start_seconds * info.sample_rate)
    last = min(info.frames, first + round(PIECE_SECONDS * info.sample_rate))
    audio = read(info.path, first, last, [0, 1] if info.channels > 2 else None)
    return audio.samples, audio.sample_rate


def _judged(path: Path) -> AudioInfo | str:
    """What a file holds, or why it is of no use."""
    try:
        info = probe(path)
        if info.duration_seconds <= SHORTEST_SECONDS:
            return f"{info.duration_seconds:.1f} s are too short"
        samples, _ = cut(info, max(0.0, (info.duration_seconds - PIECE_SECONDS) / 2))
    except (InvalidRequest, OSError) as error:
        return str(error)
    return "silent" if is_silent(samples) else info

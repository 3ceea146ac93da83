"""Small projects with audio, built line by line, for tests of `bridge.rpp`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
Song = Path


def audio(path: Path, seconds: float, channels: int = 1, rate: int = RATE) -> Path:
    """Quiet noise; each channel another."""
    samples = 0.1 * np.random.default_rng(1).standard_normal((round(seconds * rate), channels))
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def item(
    position: float = 0,
    length: float = 4,
    file: str = "",
    name: str = "take",
    mode: int = 0,
    volume: float = 1,
    offset: float = 0,
    more: str = "",
    loop: int = 0,
    takes: str = "",
) -> str:
    """An ITEM block of one WAVE; `more` are lines of the item, `takes` lines behind its first take."""
    lines = ["<ITEM", f"POSITION {position}", f"LENGTH {length}", f"LOOP {loop}", *more.splitlines()]
    lines += [f"NAME {name!r}", f"VOLPAN {volume} 0 1 -1", f"SOFFS {offset}", f"CHANMODE {mode}"]
    lines += ["<SOURCE WAVE", f'FILE "{file}"', ">", *takes.splitlines(), ">"]
    return "\n".join(lines)


def track(*items: str, name: str = "Drums", lines: Sequence[str] = ()) -> str:
    return "\n".join(["<TRACK", f'NAME "{name}"', *lines, *items, ">"])


def project(folder: Path, *tracks: str, lines: Sequence[str] = ("SELECTION 1 2",), name: str = "song.RPP") -> Song:
    head = ['<REAPER_PROJECT 0.1 "7.27/linux-x86_64" 1730000000', "TEMPO 120 4 4", *lines]
    path = folder / name
    path.write_bytes("\n".join([*head, *tracks, ">", ""]).encode("utf-8", "surrogateescape"))
    return path


def song(folder: Path, *items: str, track: Sequence[str] = (), lines: Sequence[str] = ("SELECTION 1 2",)) -> Song:
    """A project of one track."""
    text = "\n".join(["<TRACK", 'NAME "Drums"', *track, *items, ">"])
    return project(folder, text, lines=lines)

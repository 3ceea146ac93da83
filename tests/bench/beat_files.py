"""Music of a folder whose beats are known: a text file of beats beside each piece. Knows no detector.

NAME.beats stands beside NAME.wav or whatever the audio's ending is (NAME.wav.beats does, too). A line is a beat: its
time in seconds and, where it is known, its place in the bar, with blanks, tabs or a comma between; # begins a comment.
A file without beats says that the piece has none. What wanders from a straight line by more than 40 ms is no steady
beat, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.errors import InvalidRequest
from tests.bench.music_folder import cut, usable
from tests.support.beat_corpus import RATE, SECONDS, Piece

_LEAST_BEATS = 8
_MOST_WANDERING_SECONDS = 0.04


def annotated(folder: Path) -> Iterator[Piece]:
    """20 s from the middle of each piece of a folder that has a file of beats; its kind is the name of its folder."""
    for info in usable(folder):
        path = Path(info.path)
        files = [f for f in (path.with_suffix(".beats"), path.with_name(f"{path.name}.beats")) if f.exists()]
        if not files:
            continue
        times, places = read_beats(files[0])
        start = max(0.0, (info.duration_seconds - SECONDS) / 2)
        inside = (times >= start) & (times < start + SECONDS)
        beats = times[inside] - start
        if times.size and not _steady(beats):
            continue
        samples, rate = cut(info, start)
        audio = samples if rate == RATE else soxr.resample(samples.T, rate, RATE).T
        bpm = 60 * (beats.size - 1) / (beats[-1] - beats[0]) if times.size else 0.0
        threes = bool(places.size) and int(places.max()) in (3, 6, 9, 12)
        yield Piece(path.parent.name, bpm, np.ascontiguousarray(audio, np.float32), beats, threes)


def read_beats(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in seconds, and places in the bar, empty where they are not there. Raises InvalidRequest."""
    lines = [line.split("#")[0].replace(",", " ").split() for line in path.read_text("utf-8").splitlines()]
    rows = [line for line in lines if line]
    try:
        times = np.array([float(row[0]) for row in rows])
        places = np.array([float(row[1]) for row in rows if len(row) > 1])
    except ValueError as error:
        got, wanted = (
            f"{path.name}: {error}",
            "a time in seconds on each line, and a place in the bar behind it, if any",
        )
        raise InvalidRequest("FOLDER", got, wanted, "Mend that file.") from None
    return times, places if places.size == times.size else np.zeros(0)


def _steady(beats: NDArray[np.float64]) -> bool:
    """Whether beats lie near a straight line."""
    if beats.size < _LEAST_BEATS:
        return False
    number = np.rint((beats - beats[0]) / np.median(np.diff(beats)))
    line = np.polynomial.Polynomial.fit(number, beats, 1)
    return bool(np.abs(line(number) - beats).max() < _MOST_WANDERING_SECONDS)

"""Where a new track goes, and what else must change for it: folder depths and the numbers of tracks in receives.

`ISBUS 1 1` opens a folder, `ISBUS 2 -n` ends n folders behind its track. `AUXRECV index ...` names the track that is
received from by its place from 0, so every receive from a track behind the new one counts one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.rpp.model import Track
from bridge.rpp.text import Edit, number, word_edit


@dataclass(frozen=True)
class TrackPlace:
    """Behind which track a new one goes, how many folders it ends there, and the edits of the tracks around it."""

    behind: Track
    ends: int
    edits: tuple[Edit, ...]


def place_behind(tracks: Sequence[Track], after: Track) -> TrackPlace:
    """Below `after` in the folder that it lies in; below all of the folder that it opens itself."""
    depth = 0
    last = after
    for last in tracks[after.number - 1 :]:
        depth += _steps(last)
        if depth <= 0:
            break
    ends = max(0, -depth)
    return TrackPlace(last, ends, (*_without(last, ends), *_renumbered(tracks, last.number)))


def isbus(ends: int) -> str:
    """The line of a track that ends this many folders."""
    return f"ISBUS 2 -{ends}" if ends else "ISBUS 0 0"


def _steps(track: Track) -> int:
    line = track.block.line("ISBUS")
    return int(number(line, 2, 0)) if line else 0


def _without(track: Track, ends: int) -> list[Edit]:
    """The track ends that many folders less."""
    line = track.block.line("ISBUS")
    if line is None or not ends:
        return []
    left = -_steps(track) - ends
    return [word_edit(line, 1, "2" if left else "0"), word_edit(line, 2, f"-{left}" if left else "0")]


def _renumbered(tracks: Sequence[Track], first: int) -> list[Edit]:
    lines = [line for track in tracks for line in track.block.lines("AUXRECV")]
    return [word_edit(line, 1, str(int(number(line)) + 1)) for line in lines if number(line) >= first]

"""Write a REAPER project from nothing: tracks with audio items, a tempo, a time selection.

The same arguments give the same bytes: GUIDs come from the project's name and a counter. Knows no audio files
beyond their names.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.rpp.project_file import Project
from bridge.rpp.text import decimal, refused
from bridge.rpp.write import MakeGuid, NewTrack, indent, track_lines
from bridge.system.atomic import write_atomic

_NAMESPACE = uuid.UUID("6f0d7b8e-3a53-4c0f-9c64-0d1f7a6c2b11")


@dataclass(frozen=True)
class Meter:
    """Quarter notes a minute, and beats a bar."""

    bpm: float = 120.0
    numerator: int = 4
    denominator: int = 4


def new_project(
    path: Path,
    tracks: Sequence[NewTrack],
    meter: Meter | None = None,
    time_selection: tuple[float, float] | None = None,
    sample_rate: int = 48000,
) -> Project:
    """A project that will lie at `path` (nothing is written; see `write`). Items' sources may be relative to it.

    Raises ProjectRefused for a selection that does not go forward, a tempo that is not above 0, or file names
    that a project cannot hold.
    """
    meter = meter or Meter()
    start, end = time_selection or (0.0, 0.0)
    if end < start or (time_selection is not None and end == start):
        raise refused("time_selection", f"{start:g} to {end:g} s", "a start before its end", "Swap them.")
    if not 1 <= meter.bpm <= 960:
        raise refused("tempo", f"{meter.bpm:g}", "1 to 960 (REAPER's range)", "Give another tempo.")
    make_guid = _guids(path.name)
    body = [*_settings(meter, start, end, sample_rate)]
    for track in tracks:
        body += track_lines(track, make_guid)
    lines = ['<REAPER_PROJECT 0.1 "7.0/acestep-bridge" 0', *indent(body, "  "), ">", ""]
    project = Project("\n".join(lines), path.absolute())
    project.check()
    return project


def write(project: Project) -> Path:
    """Write a project made by `new_project` to its path, whole or not at all; an existing file is replaced."""
    write_atomic(project.path, project.data)
    return project.path


def _settings(meter: Meter, start: float, end: float, sample_rate: int) -> list[str]:
    tempo = f"TEMPO {decimal(meter.bpm)} {meter.numerator} {meter.denominator}"
    selection = f"{decimal(start)} {decimal(end)}"
    return [
        "RIPPLE 0",
        "AUTOXFADE 1",
        "PANLAW 1",
        "PROJOFFS 0 0 0",
        "GRID 3199 8 1 8 1 0 0 0",
        "TIMEMODE 1 5 -1 30 0 0 -1",
        "CURSOR 0",
        "ZOOM 40 0 0",
        "LOOP 0",
        'RECORD_PATH "" ""',
        "TIMELOCKMODE 1",
        "TEMPOENVLOCKMODE 1",
        "TAKELANE 1",
        f"SAMPLERATE {sample_rate} 1 0",
        tempo,
        "PLAYRATE 1 0 0.25 4",
        f"SELECTION {selection}",
        f"SELECTION2 {selection}",
        "MASTER_NCH 2 2",
        "MASTER_VOLUME 1 0 -1 -1 1",
        "MASTER_FX 1",
        "<TEMPOENVEX",
        "  ACT 1 -1",
        "  VIS 1 0 1",
        "  LANEHEIGHT 0 0",
        "  ARM 0",
        "  DEFSHAPE 1 -1 -1",
        ">",
    ]


def _guids(name: str) -> MakeGuid:
    count = 0

    def make() -> str:
        nonlocal count
        count += 1
        return "{" + str(uuid.uuid5(_NAMESPACE, f"{name}/{count}")).upper() + "}"

    return make

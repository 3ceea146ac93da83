"""The demo's folder: a free name, and the texts in it. Knows no daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.atomic import replacing
from engine.errors import InvalidRequest

NAME = "acestep-demo"


@dataclass(frozen=True)
class Story:
    """What the texts tell. Times in seconds of the project."""

    track: str
    tags: str
    start: float
    end: float
    model: str
    seed: int
    seam: Sequence[str]
    offer: Sequence[str]
    files: Sequence[str]


def new_folder(given: Path | None, where: Path) -> Path:
    """Make the given folder, or `acestep-demo` in `where`, numbered where that is taken. Raises `InvalidRequest`."""
    if given is None:
        path, number = where / NAME, 1
        while path.exists():
            number += 1
            path = where / f"{NAME}-{number}"
    else:
        path = given.absolute()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InvalidRequest("--folder", f"{given}, which is not empty", "a new folder", "An old one is kept.")
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_seam(folder: Path, story: Story) -> Path:
    """seam-report.txt"""
    lines = [
        f"{story.track}, {story.start:g} s to {story.end:g} s, made anew by {story.model}, seed {story.seed}.",
        "",
        *story.seam,
    ]
    return _write(folder / "seam-report.txt", lines)


def write_readme(folder: Path, story: Story) -> Path:
    """README.txt: what lies here, and what to try next."""
    region = f"--start-time {story.start:g} --end-time {story.end:g}"
    lines = [
        "What happened here",
        f"    The track {story.track} was made anew from {story.start:g} s to {story.end:g} s:",
        f"    tags: {story.tags}",
        f"    model: {story.model}, seed {story.seed}",
        "",
        "What lies here",
        *[f"    {line}" for line in story.files],
        "",
        "What to try next",
        "    Hear it in REAPER: open demo-regenerated.RPP; key T goes through the takes of the item.",
        "    Have it as an action in REAPER (REAPER closed):",
        "        acestep-bridge reaper install",
        "    then select a time range on a track, run the action, hear.",
        "    Other music in the same place:",
        f'        acestep-bridge rpp inpaint demo.RPP --track "{story.track}" {region} \\',
        '            --tags "house, 120 bpm, drums" -o house.RPP',
        "    A part of your own song:",
        "        acestep-bridge inpaint song.wav --start-time 8 --end-time 12 \\",
        '            --tags "house, 124 bpm, drums" -o out.wav',
        "    What the machine needs: acestep-bridge doctor",
        "",
        *story.offer,
    ]
    return _write(folder / "README.txt", lines)


def _write(path: Path, lines: Sequence[str]) -> Path:
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path

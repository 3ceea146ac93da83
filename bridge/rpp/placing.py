"""The new project's text with results in place. Writes and copies nothing; `rehearse` tries it with stand-ins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge.file_names import original_stem, shortened
from bridge.rpp.job import OnItem, OnTrack, Part, Plan, Span
from bridge.rpp.model import Track
from bridge.rpp.project_file import Project
from bridge.rpp.text import quote
from bridge.rpp.write import NewItem, NewTake, NewTrack

_MADE = re.compile(r"( \((?:[^()]*, )?seed \d+(?:, retake \d+)?\))+$")
_LONGEST_STEM = 200  # bytes: number and ending follow
_STAND_IN_SECONDS = 1.0
_STAND_INS = 2  # of more variations: the others differ in nothing
_AUDIO_ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff", ".m4a", ".opus")


@dataclass(frozen=True)
class Made:
    """A result as the project is to hold it: its file beside the new project, and how it was made."""

    path: Path
    title: str
    seconds: float
    recipe: dict[str, Any] | None = None


def placed(project: Project, part: Part, results: Sequence[Made], out: Path) -> Project:
    """The project with the results of one part; the first is the active take."""
    same_folder = out.absolute().parent == project.path.parent
    takes = [
        NewTake(
            source=Path(rendered.path.name) if same_folder else rendered.path,
            name=rendered.title,
            select=index == 0,
            recipe=rendered.recipe,
            channel_mode=part.channel_mode,
            like=part.place.like,
        )
        for index, rendered in enumerate(results)
    ]
    if isinstance(part.place, OnItem):
        return _as_takes(project, part.place, takes)
    return _as_items(project, part, part.place, takes, results[0].seconds)


def rehearse(plan: Plan, out: Path) -> None:
    """Write the project in memory as it will be. Raises ProjectRefused for what could not be written afterwards."""
    project = plan.project
    for part in plan.parts:
        count = min(int(getattr(part.request, "variations", None) or 1), _STAND_INS)
        ending = getattr(part.request, "format", None) or "wav"
        path = out.absolute().parent / f"{safe_stem(part.name)} acestep 01.{ending}"
        stand_in = Made(path, title(part.name, "", 0), _STAND_IN_SECONDS)
        project = placed(project, part, [stand_in] * count, out)
    quote(str(out.absolute().parent))
    project.for_folder(out.absolute().parent)


def _as_takes(project: Project, place: OnItem, takes: Sequence[NewTake]) -> Project:
    for take in takes:
        item = project.items(project.tracks[place.track - 1])[place.item]
        project = project.insert_take(item, replace(take, start_offset=place.offset))
    return project


def _as_items(project: Project, part: Part, place: OnTrack, takes: Sequence[NewTake], seconds: float) -> Project:
    """An item for each span whose first take is the first result; the others become its further takes."""
    home = project.tracks[place.track - 1] if place.track is not None else None
    if place.new or home is None:
        known = {t.guid for t in project.tracks}
        name = f"{original_stem(home.name)} acestep" if home is not None else part.name
        project = project.insert_track(NewTrack(name, like=home), after=home)
        home = next(t for t in project.tracks if t.guid not in known)
    for span in place.spans:
        project = _with_item(project, home.number, place, span, takes, seconds)
    return project


def _with_item(
    project: Project, number: int, place: OnTrack, span: Span, takes: Sequence[NewTake], seconds: float
) -> Project:
    first, *others = [replace(take, start_offset=span.offset, play_rate=place.rate) for take in takes]
    length = span.length if span.length is not None else seconds
    item = NewItem(span.position, length, first, span.fade_in, span.fade_out, place.volume, place.lane)
    project = project.insert_item(_track(project, number), item)
    for take in others:
        newest = max(project.items(_track(project, number)), key=lambda i: i.block.opening.start)
        project = project.insert_take(newest, take)
    return project


def _track(project: Project, number: int) -> Track:
    return project.tracks[number - 1]


def title(name: str, model: str, seed: int, retake: int | None = None) -> str:
    """A take's name: what it was made from, by which model and seeds; not those of the take before it."""
    seeds = f"seed {seed}" if retake is None else f"seed {seed}, retake {retake}"
    return f"{_MADE.sub('', name)} ({model + ', ' if model else ''}{seeds})"


def safe_stem(name: str) -> str:
    """A file name's stem that every system takes and a project file can quote."""
    forbidden = "<>:\"/\\|?*'`"
    plain = _MADE.sub("", name)
    stem = "".join("_" if c in forbidden or not c.isprintable() else c for c in plain).strip(" .")
    base = stem.rpartition(".")[0] if stem.lower().endswith(_AUDIO_ENDINGS) else stem
    return shortened(base.partition(" acestep ")[0][:80], _LONGEST_STEM).strip(" .") or "audio"

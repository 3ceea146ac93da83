"""Render into a project file without REAPER: the results become takes or items of a new project.

`render_into_project(job, render)` is all of it; `render` takes a request and gives what was made, from a daemon
(`rendered_of` reads a JobResult) or anything else. The input project is never written; audio goes beside the new
one under names that are not taken, and is removed again when something fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.rpp.plan import OnItem, OnTrack, Part, Plan, ProjectJob, make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.text import refused
from bridge.rpp.write import NewItem, NewTake, NewTrack
from engine.audio.files import probe
from engine.requests import Request

if TYPE_CHECKING:
    from bridge.client import JobResult

_MOST_TAKES = 10_000


@dataclass(frozen=True)
class Rendered:
    """One piece of audio that was made, where it lies, and how."""

    path: Path
    recipe: dict[str, Any]
    seed: int
    model: str = ""
    seam_report: dict[str, Any] | None = None


Render = Callable[[Request], Sequence[Rendered]]


@dataclass(frozen=True)
class ProjectResult:
    """What was written: the new project, the audio beside it, and sentences for the user."""

    project: Path
    audio: list[Path]
    rendered: list[Rendered]
    notes: list[str] = field(default_factory=list)


def render_into_project(job: ProjectJob, render: Render) -> ProjectResult:
    """Plan, render each part in turn, write the new project. Raises ProjectRefused, InvalidRequest, OSError."""
    plan = make_plan(job)
    made = [list(render(part.request)) for part in plan.parts]
    return write_project(plan, made, job.out)


def rendered_of(result: JobResult) -> list[Rendered]:
    """The chosen results of a daemon's job on this machine."""
    return [
        Rendered(Path(e.audio.path or ""), dict(e.recipe), e.seed, e.model.name, e.seam_report) for e in result.chosen
    ]


def write_project(plan: Plan, made: Sequence[Sequence[Rendered]], out: Path) -> ProjectResult:
    """The new project with all results in place; `made` holds the results of each part, in order."""
    copies: list[Path] = []
    project = plan.project
    try:
        for part, results in zip(plan.parts, made, strict=True):
            files = [_copied(result.path, out, part.name, copies) for result in results]
            project = _placed(project, part, list(zip(results, files, strict=True)), out)
        written = project.save_as(out)
    except BaseException:
        for path in copies:
            path.unlink(missing_ok=True)
        raise
    return ProjectResult(written, copies, [r for results in made for r in results], list(plan.notes))


def _copied(source: Path, out: Path, name: str, copies: list[Path]) -> Path:
    folder = out.absolute().parent
    stem = safe_stem(name)
    with source.open("rb") as file:
        for count in range(1, _MOST_TAKES):
            path = folder / f"{stem} acestep {count:02d}{source.suffix}"
            try:
                target = path.open("xb")
            except FileExistsError:
                continue
            copies.append(path)
            with target:
                shutil.copyfileobj(file, target, 1 << 20)
            return path
    raise refused("out", f"{_MOST_TAKES - 1} takes of {stem} in {folder}", "fewer", "Clean up that folder.")


def safe_stem(name: str) -> str:
    """A file name's stem that every system takes and a project file can quote."""
    forbidden = "<>:\"/\\|?*'`"
    stem = "".join("_" if c in forbidden or not c.isprintable() else c for c in name).strip(" .")
    base = (
        stem.rpartition(".")[0] if stem.lower().endswith((".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff")) else stem
    )
    return base.partition(" acestep ")[0][:80].strip(" .") or "audio"


def _placed(project: Project, part: Part, results: Iterable[tuple[Rendered, Path]], out: Path) -> Project:
    same_folder = out.absolute().parent == project.path.parent
    takes = [
        NewTake(
            source=Path(path.name) if same_folder else path,
            name=_title(part.name, made),
            select=index == 0,
            recipe=made.recipe or None,
        )
        for index, (made, path) in enumerate(results)
    ]
    lengths = [_seconds(path, part.place) for _, path in results]
    if isinstance(part.place, OnItem):
        return _as_takes(project, part.place, takes)
    return _as_item(project, part, part.place, takes, lengths)


def _as_takes(project: Project, place: OnItem, takes: list[NewTake]) -> Project:
    for take in takes:
        item = project.items(project.tracks[place.track - 1])[place.item]
        project = project.insert_take(item, replace(take, like=place.like))
    return project


def _as_item(project: Project, part: Part, place: OnTrack, takes: list[NewTake], lengths: list[float]) -> Project:
    """One item whose first take is the first result; the others become its further takes."""
    first, *others = [replace(t, like=place.like, start_offset=place.offset, play_rate=place.rate) for t in takes]
    length = place.length if place.length is not None else lengths[0]
    item = NewItem(place.position, length, first)
    track = project.tracks[place.track - 1] if place.track is not None else None
    if place.new or track is None:
        known = {t.guid for t in project.tracks}
        name = f"{track.name} acestep" if track is not None else part.name
        project = project.insert_track(NewTrack(name, [item]), after=track)
        home = next(t for t in project.tracks if t.guid not in known)
    else:
        project = project.insert_item(track, item)
        home = project.tracks[track.number - 1]
    for take in others:
        newest = max(project.items(home), key=lambda i: i.block.opening.start)
        project = project.insert_take(newest, take)
        home = project.tracks[home.number - 1]
    return project


def _title(name: str, made: Rendered) -> str:
    return f"{name} ({made.model + ', ' if made.model else ''}seed {made.seed})"


def _seconds(path: Path, place: OnItem | OnTrack) -> float:
    if isinstance(place, OnItem) or place.length is not None:
        return 0.0
    info = probe(path)
    return info.frames / info.sample_rate

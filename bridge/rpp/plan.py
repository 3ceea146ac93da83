"""From a wish about a project file to requests, and where each one's result goes. Renders nothing.

Take mode edits the take's source, so region and tempo are told in source time:
offset + (t - position) * rate. Knows no daemon.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bridge.rpp.model import Item, Take, Track
from bridge.rpp.project_file import Project
from bridge.rpp.tempo_map import request_map
from bridge.rpp.text import number, refused
from bridge.rpp.write import EXT_SECTION, recipe_key
from engine.audio.files import probe
from engine.audio.metadata import read_recipe
from engine.requests import TASKS, Request, fields_of, from_dict

Task = Literal["inpaint", "retake", "outpaint", "generate"]
SHORTEST_SECONDS = 0.02  # a sliver of a neighbouring item is no target
_FROM_SEED = ("text-to-audio", "prompt-to-audio", "retake")


@dataclass(frozen=True)
class ProjectJob:
    """What to do with a project. Times in seconds of the project; None: its time selection.

    `fields` are request fields (tags, lyrics, seed, ...). `track` by name, number or GUID; only generate needs
    none. `use_tempo` false keeps the project's tempo to itself. `new_track` places the result on a new track.
    """

    task: Task
    project: Path
    out: Path
    track: str | int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    start_time: float | None = None
    end_time: float | None = None
    new_track: bool = False
    use_tempo: bool = True
    name: str = ""


@dataclass(frozen=True)
class OnItem:
    """The result becomes a take of this item (its number on the track, in order of position)."""

    track: int
    item: int
    like: Take


@dataclass(frozen=True)
class OnTrack:
    """The result becomes an item: on `track`, or on a new track behind it (None: at the end)."""

    track: int | None
    new: bool
    position: float
    length: float | None  # seconds of the project; None: as long as the result
    offset: float = 0.0  # seconds of the result
    rate: float = 1.0
    like: Take | None = None


@dataclass(frozen=True)
class Part:
    """One request, where its results go, and what to call them."""

    request: Request
    place: OnItem | OnTrack
    name: str


@dataclass(frozen=True)
class Plan:
    """All that is to be rendered for a job, and sentences for the user."""

    project: Project
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def make_plan(job: ProjectJob) -> Plan:
    """Read the project and find the targets. Raises ProjectRefused or InvalidRequest; nothing is written."""
    check_out(job.project, job.out)
    project = Project.load(job.project)
    if job.task == "generate":
        return Plan(project, (_generate(project, job),))
    if job.task not in ("inpaint", "retake", "outpaint"):
        raise refused("task", repr(job.task), "inpaint, retake, outpaint or generate", "Choose one of these.")
    if job.track is None:
        raise refused("track", "no track", "a track's name, number or GUID", "Give --track.")
    track = project.track(job.track)
    if track.has_lanes:
        got = f"track {track.number} {track.name!r} with fixed lanes, whose playing lane is not known here"
        raise refused("track", got, "a track without lanes", "Run the action in REAPER, or turn the lanes off.")
    if job.task == "inpaint":
        return _inpaint(project, track, job)
    if job.task == "outpaint":
        return Plan(project, (_outpaint(project, track, job),))
    return _retake(project, track, job)


def check_out(project: Path, out: Path) -> None:
    """Raise ProjectRefused unless `out` can become the new project."""
    if not project.is_file():
        raise refused("project", f"{project}, which is no file", "a REAPER project", "Check the path.")
    if out.suffix.lower() != ".rpp" or not out.absolute().parent.is_dir():
        raise refused("out", f"{out}", "a name that ends in .RPP in a folder that exists", "Say NEW.RPP.")
    if out.exists() and out.samefile(project):
        raise refused("out", "the project itself", "another file", "The project is never overwritten.")


def time_range(project: Project, job: ProjectJob) -> tuple[float, float]:
    """Start and end of a job in project seconds: the given ones, else the time selection's."""
    selected = project.time_selection or (None, None)
    start = selected[0] if job.start_time is None else job.start_time
    end = selected[1] if job.end_time is None else job.end_time
    if start is None or end is None:
        remedy = "Give --start-time and --end-time, or make a time selection in REAPER and save."
        raise refused("start_time", "no times, and a project without a time selection", "a range", remedy)
    if not start < end:
        raise refused("start_time", f"{start:g} s", f"less than end_time ({end:g} s)", "Swap them.")
    return start, end


def kept_recipe(project: Project, take: Take) -> dict[str, Any] | None:
    """The recipe of a take: from the project, else from its file; None where it was not made here."""
    key = recipe_key(take.guid)
    for state in project.root.blocks("EXTSTATE"):
        for section in state.blocks(EXT_SECTION):
            if (line := section.line(key)) is not None and len(line.words) > 1:
                return _decoded(line.words[1])
    return read_recipe(take.source) if take.source and take.source.is_file() else None


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        made = json.loads(base64.b64decode(text, validate=True))
    except ValueError:
        return None
    return made if isinstance(made, dict) else None


def _inpaint(project: Project, track: Track, job: ProjectJob) -> Plan:
    start, end = time_range(project, job)
    items = project.items_at(track, start, end)
    if not items:
        project.item_at(track, start, end)  # says why
    parts, notes = [], [f"Left as it is: {what}." for what in project.left_out(track, start, end)]
    for item in items:
        first, last = max(start, item.position), min(end, item.end)
        if last - first < SHORTEST_SECONDS and len(items) > 1:
            continue
        if (first, last) != (start, end):
            notes.append(f"The range was clipped to the item at {item.position:g} s: {first:g} to {last:g} s.")
        take = plain_take(item)
        region = {"start_time": _seconds(item, first), "end_time": _seconds(item, last)}
        _inside(take, region["start_time"], region["end_time"])
        request = _request("inpaint", job, {**_source(take), **region, **_tempo(project, job, (first, last), item)})
        place: OnItem | OnTrack = _on_item(project, track, item, take)
        if job.new_track:
            place = OnTrack(track.number, True, first, last - first, region["start_time"], take.play_rate, take)
        parts.append(Part(request, place, _name(job, take, track)))
    return Plan(project, tuple(parts), tuple(notes))


def _outpaint(project: Project, track: Track, job: ProjectJob) -> Part:
    start, end = time_range(project, job)
    item = project.item_at(track, start, end)
    take = plain_take(item)
    length = probe_seconds(take)
    # the source may reach beyond the item's borders: only what lies beyond the source is new
    before = max(0.0, -_seconds(item, start))
    after = max(0.0, _seconds(item, end) - length)
    if before + after < SHORTEST_SECONDS:
        got = f"{start:g} to {end:g} s, where the source still has audio"
        remedy = "Select beyond the item's end, or drag the item's edge to show more of its source."
        raise refused("region", got, "a range that reaches beyond the source", remedy)
    wanted = {"extend_before_duration": before, "extend_after_duration": after}
    request = _request("outpaint", job, {**_source(take), **wanted, **_tempo(project, job, (start, end), item)})
    shown_start, shown_end = min(start, item.position), max(end, item.end)
    offset = _seconds(item, shown_start) + before
    length_shown = shown_end - shown_start
    place = OnTrack(track.number, True, shown_start, length_shown, max(offset, 0.0), take.play_rate, take)
    return Part(request, place, _name(job, take, track))


def _retake(project: Project, track: Track, job: ProjectJob) -> Plan:
    item = _item_for_retake(project, track, job)
    take = plain_take(item)
    recipe = kept_recipe(project, take)
    place = _on_item(project, track, item, take)
    made = recipe.get("request") if recipe else None
    task = made.get("task") if isinstance(made, dict) else None
    if made is not None and task in _FROM_SEED:
        values = {
            k: v for k, v in made.items() if k in fields_of(TASKS["retake"]) and k not in ("variance", "retake_seed")
        }
        return Plan(project, (Part(_request("retake", job, values), place, _name(job, take, track)),))
    if made is not None and task == "inpaint":
        values = {k: v for k, v in made.items() if k not in ("task", "seed", "retake_seed")}
        values = {**values, **_source(take)}
        note = "The region that was regenerated is made anew with another seed."
        return Plan(project, (Part(_request("inpaint", job, values), place, _name(job, take, track)),), (note,))
    if "tags" not in job.fields:
        remedy = "Give --tags: then it is made anew with the take as its starting point."
        raise refused("track", "a take that was not made here", "a take with a recipe", remedy)
    values = {**_source(take), "original_tags": job.fields["tags"], "edit_mode": "reference"}
    note = "The take has no recipe: it was the starting point of new audio (audio-to-audio, reference)."
    return Plan(project, (Part(_request("audio-to-audio", job, values), place, _name(job, take, track)),), (note,))


def _item_for_retake(project: Project, track: Track, job: ProjectJob) -> Item:
    """The item under the range, or with none under the edit cursor."""
    if job.start_time is None and job.end_time is None and project.time_selection is None:
        cursor = project.root.line("CURSOR")
        at = number(cursor, default=0.0) if cursor else 0.0
        return project.item_at(track, at, at + 1e-9)
    return project.item_at(track, *time_range(project, job))


def _generate(project: Project, job: ProjectJob) -> Part:
    start, end = time_range(project, job)
    task = "prompt-to-audio" if "prompt" in job.fields else "text-to-audio"
    values: dict[str, Any] = {"duration": end - start}
    if job.use_tempo and "tempo_map" in fields_of(TASKS[task]):
        values["tempo_map"] = request_map(project.tempo, start, end, start, 0.0, 1.0)
    request = _request(task, job, values)
    track = project.track(job.track).number if job.track is not None else None
    words = job.name or str(job.fields.get("tags") or job.fields.get("prompt") or "generated")[:40]
    place = OnTrack(track, job.new_track or track is None, start, None)
    return Part(request, place, words)


def plain_take(item: Item) -> Take:
    """The active take, if its source is what is heard. Raises ProjectRefused with the reasons."""
    take = item.active_take
    if take is None or take.source is None or take.obstacles:
        reasons = ", ".join(take.obstacles) if take and take.obstacles else "no audio file"
        remedy = "Glue the item in REAPER first, or choose another."
        raise refused("track", f"a take with {reasons}", "a take of a plain audio file", remedy)
    if not take.source.is_file():
        remedy = "Put the file back, or open the project in REAPER and find it there."
        raise refused("track", f"a take whose file is missing: {take.source}", "a file that exists", remedy)
    return take


def probe_seconds(take: Take) -> float:
    """Length of the take's file."""
    info = probe(str(take.source))
    return info.frames / info.sample_rate


def _inside(take: Take, start: float, end: float) -> None:
    length = probe_seconds(take)
    if start < -1e-6 or end > length + 1e-3:
        got = f"{start:g} to {end:g} s of a source of {length:g} s (it is looped, or over, there)"
        remedy = "Glue the item in REAPER first, or choose a range where the source plays once."
        raise refused("region", got, "a range inside the source", remedy)


def _seconds(item: Item, time: float) -> float:
    """Source time, on whole nanoseconds, so that 0 stays 0."""
    return round(item.source_time(time), 9) + 0.0


def _source(take: Take) -> dict[str, Any]:
    return {"audio": str(take.source), "output": "full", "format": "wav"}


def _tempo(project: Project, job: ProjectJob, span: tuple[float, float], item: Item) -> dict[str, Any]:
    take = item.active_take
    if not job.use_tempo or take is None:
        return {}
    return {"tempo_map": request_map(project.tempo, *span, item.position, take.start_offset, take.play_rate)}


def _request(task: str, job: ProjectJob, values: Mapping[str, Any]) -> Request:
    known = fields_of(TASKS[task])
    kept = {name: value for name, value in values.items() if name in known}
    return from_dict({"task": task, **kept, **job.fields})


def _on_item(project: Project, track: Track, item: Item, take: Take) -> OnItem:
    index = [other.block.opening.start for other in project.items(track)].index(item.block.opening.start)
    return OnItem(track.number, index, take)


def _name(job: ProjectJob, take: Take, track: Track) -> str:
    return job.name or take.name or track.name or "take"

"""From a wish about a project file to requests, and where each one's result goes. Renders nothing.

Take mode edits the take's source, so region and tempo are told in source time:
offset + (t - position) * rate. All that can be refused is refused here: the requests are checked with their audio, and
the new project is written in memory with stand-ins for the results.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from msgspec import UNSET

from bridge.daemon.validate import UNKNOWN_MODEL, check_memory, check_region, check_source, facts_of_model
from bridge.file_names import MOST_BYTES, length
from bridge.rpp.inpaint import plan_inpaint
from bridge.rpp.instruments import plan_complete, plan_extract, plan_lego
from bridge.rpp.job import OnItem, OnTrack, Part, Plan, ProjectJob, Span, Task
from bridge.rpp.model import Track
from bridge.rpp.outpaint import plan_outpaint
from bridge.rpp.placing import rehearse
from bridge.rpp.project_file import Project
from bridge.rpp.retake import kept_recipe, plan_retake
from bridge.rpp.targets import request_for, time_range
from bridge.rpp.tempo_map import request_map
from bridge.rpp.text import quote, refused
from engine.audio.files import check_channels, probe
from engine.families.facts import Facts
from engine.requests import TASKS, Request, fields_of

__all__ = ["OnItem", "OnTrack", "Part", "Plan", "ProjectJob", "Task", "check_out", "kept_recipe", "make_plan"]
_NOT_COPIED = {"FXCHAIN": "effects", "VOLENV2": "volume envelope", "PANENV2": "pan envelope"}
_ON_ITEMS = {
    "inpaint": plan_inpaint,
    "outpaint": plan_outpaint,
    "retake": plan_retake,
    "lego": plan_lego,
    "extract": plan_extract,
    "complete": plan_complete,
}


def make_plan(job: ProjectJob) -> Plan:
    """Read the project and find the targets. Raises ProjectRefused or InvalidRequest; nothing is written."""
    check_out(job.project, job.out, job.replace)
    project = Project.load(job.project)
    plan = _planned(project, job)
    for part in plan.parts:
        _check_request(part)
    rehearse(plan, job.out or project.path.with_name("new.RPP"))
    return plan


def _planned(project: Project, job: ProjectJob) -> Plan:
    if job.task == "generate":
        return _generate(project, job)
    if job.task not in _ON_ITEMS:
        raise refused("task", repr(job.task), f"{', '.join(_ON_ITEMS)} or generate", "Choose one of these.")
    if job.track is None:
        expected = f"one of the project's tracks: {project.names_of_tracks}"
        raise refused("track", "no track", expected, "Give --track with a name, a number or a GUID.")
    track = project.track(job.track)
    plan = _ON_ITEMS[job.task](project, track, job)
    return Plan(project, plan.parts, (*plan.notes, *_track_notes(plan, track)))


def check_out(project: Path, out: Path | None, replace: bool = True) -> None:
    """Raise ProjectRefused unless `out` can become the new project."""
    if not project.is_file():
        raise refused("project", f"{project}, which is no file", "a REAPER project", "Check the path.")
    if out is None:
        return
    folder = out.absolute().parent
    if length(out.name) > MOST_BYTES:
        raise refused("out", f"a name of {length(out.name)} bytes", f"at most {MOST_BYTES}", "Choose a shorter name.")
    if out.suffix.lower() != ".rpp" or not folder.is_dir() or out.is_dir():
        raise refused("out", f"{out}", "a name that ends in .RPP in a folder that exists", "Say NEW.RPP.")
    if out.exists() and out.samefile(project):
        raise refused("out", "the project itself", "another file", "The project is never overwritten.")
    if out.exists() and not replace:
        raise refused("out", f"{out}, which exists", "a name that is free", "Choose another, or replace it: --force.")
    if not os.access(folder, os.W_OK):
        raise refused("out", f"{out}", "a folder in which you may write", "Choose another folder.")
    quote(str(folder))


def _check_request(part: Part) -> None:
    """What the daemon would refuse. Raises InvalidRequest."""
    request: Any = part.request
    audio = getattr(request, "audio", None)
    if audio is None:
        check_memory(request)
    elif part.excerpt is None:
        check_source(request, Path(audio), _facts(request))
    else:
        channels = getattr(request, "channels", None) or None
        check_channels(probe(audio), [c - 1 for c in channels] if channels else None)
        check_region(request, part.excerpt.last - part.excerpt.first, part.excerpt.sample_rate)


def _facts(request: Request) -> Facts:
    """Of the model that is named; of the daemon's own, what holds for most."""
    return UNKNOWN_MODEL if request.model is UNSET else facts_of_model(request.model)


def _generate(project: Project, job: ProjectJob) -> Plan:
    start, end = time_range(project, job)
    task = "prompt-to-audio" if "prompt" in job.fields else "text-to-audio"
    values: dict[str, Any] = {"duration": end - start}
    if job.use_tempo and "tempo_map" in fields_of(TASKS[task]):
        values["tempo_map"] = request_map(project.tempo, start, end, start, 0.0, 1.0)
    request = request_for(task, job, values)
    track = project.track(job.track) if job.track is not None else None
    new = job.new_track or track is None
    lane = _lane(project, track, start, end) if track and not new else None
    words = job.name or str(job.fields.get("tags") or job.fields.get("prompt") or "generated")[:40]
    place = OnTrack(track.number if track else None, new, (Span(start, None),), lane=lane)
    return Plan(project, (Part(request, place, words),))


def _lane(project: Project, track: Track, start: float, end: float) -> tuple[int, int] | None:
    """The playing lane of a track with lanes that is free in the range, else the first one that plays."""
    lanes = track.lanes
    if not lanes.on:
        return None
    if not lanes.playing:
        got = f"track {track.number} {track.name!r}, none of whose lanes plays"
        raise refused("track", got, "a track that is heard", "Let a lane play in REAPER and save, or give --new-track.")
    taken = {item.lane.lane for item in project.items(track) if item.position < end and item.end > start}
    free = [lane for lane in lanes.playing if lane not in taken]
    return (free or lanes.playing)[0], lanes.count


def _track_notes(plan: Plan, track: Track) -> list[str]:
    """What a new track does not have of the old one, and what REAPER may do with a comped lane."""
    on_new = any(isinstance(part.place, OnTrack) and part.place.new for part in plan.parts)
    missing = [word for key, word in _NOT_COPIED.items() if track.block.blocks(key)]
    name, notes = f"track {track.number} {track.name!r}", []
    if on_new and missing:
        notes.append(f"The new track does not have the {' and '.join(missing)} of {name}.")
    if not on_new and track.lanes.on and track.lanes.comp is not None and track.block.lines("LINKEDLANE"):
        notes.append(f"Lanes of {name} are comped: REAPER may put the old take back when you edit the comp.")
    return notes

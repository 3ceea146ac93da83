"""Single instruments, of models that were trained for them: one more for a range, one of an item alone, the rest of a
band. Renders nothing.
"""

from __future__ import annotations

from bridge.rpp.inpaint import clipped_region, items_under
from bridge.rpp.job import OnTrack, Part, Plan, ProjectJob, Span
from bridge.rpp.model import Item, Track
from bridge.rpp.project_file import Project
from bridge.rpp.targets import Target, request_for, target, time_range
from bridge.rpp.text import refused


def plan_lego(project: Project, track: Track, job: ProjectJob) -> Plan:
    """One more instrument for a range of an item, as an item on a new track."""
    span = time_range(project, job)
    item = target(project, track, _the_only(items_under(project, track, span), track), job)
    first, last, region = clipped_region(item, span)
    request = request_for("lego", job, {**item.source(), **region, **item.tempo(first, last)})
    fade = min(_fade(job), region["start_time"]) / item.rate
    place = OnTrack(track.number, True, (Span(first - fade, None),), item.rate)
    notes = () if (first, last) == span else (f"The range was clipped to the item: {first:g} to {last:g} s.",)
    return Plan(project, (Part(request, place, str(job.fields.get("track", "instrument"))),), notes)


def plan_extract(project: Project, track: Track, job: ProjectJob) -> Plan:
    """One instrument of what an item plays, on a new track."""
    item = _item(project, track, job)
    request = request_for("extract", job, {**item.source(), **item.tempo(*item.heard)})
    shown = Span(item.item.position, item.item.length, item.take.start_offset)
    return Plan(project, (Part(request, item.on_new_track(shown), str(job.fields.get("track", "instrument"))),))


def plan_complete(project: Project, track: Track, job: ProjectJob) -> Plan:
    """An item with further instruments, as a new take."""
    item = _item(project, track, job)
    request = request_for("complete", job, {**item.source(), **item.tempo(*item.heard)})
    shown = Span(item.item.position, item.item.length, item.take.start_offset)
    return Plan(project, (Part(request, item.place(shown), item.name, None, item.channel_mode()),))


def _item(project: Project, track: Track, job: ProjectJob) -> Target:
    """The item of the range, which plays its file once."""
    item = _the_only(items_under(project, track, time_range(project, job)), track)
    found = target(project, track, item, job)
    if found.repeats:
        raise refused(
            "item", "an item that repeats its file", "one that plays it once", "Glue the item in REAPER first."
        )
    return found


def _the_only(items: list[Item], track: Track) -> Item:
    if len(items) > 1:
        remedy = "Choose a range over one of them, or glue them in REAPER."
        raise refused("track", f"{len(items)} items of track {track.number} in the range", "one item", remedy)
    return items[0]


def _fade(job: ProjectJob) -> float:
    """Seconds of the source by which the result begins before the range."""
    given = job.fields.get("crossfade_seconds")
    return 0.03 if given is None else float(given)

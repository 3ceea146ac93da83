"""Regenerates a region of items: each item under the range gets a request of its own. Renders nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.rpp.fades import SHORT_FADE, Fade, read_fade
from bridge.rpp.job import Excerpt, Part, Plan, ProjectJob, Span
from bridge.rpp.model import Item, Track
from bridge.rpp.project_file import Project
from bridge.rpp.targets import ROUNDING_SECONDS, SHORTEST_SECONDS, Target, request_for, target, time_range
from bridge.rpp.text import refused

Range = tuple[float, float]


def plan_inpaint(project: Project, track: Track, job: ProjectJob) -> Plan:
    """The plan. Raises ProjectRefused where no item lies under the range, or one of them cannot be edited."""
    start, end = time_range(project, job)
    items = items_under(project, track, (start, end))
    parts, notes = [], [f"Left as it is: {what}." for what in project.left_out(track, start, end)]
    for item in items:
        target_item = target(project, track, item, job)
        part, clipped = region_part(target_item, (start, end))
        parts.append(part)
        notes += clipped
    return Plan(project, tuple(parts), tuple(notes))


def items_under(project: Project, track: Track, span: Range) -> list[Item]:
    """The items of the range that are no slivers of neighbours. Raises ProjectRefused for none."""
    items = project.items_at(track, *span)
    if not items:
        project.item_at(track, *span)  # says why
    whole = [i for i in items if min(span[1], i.end) - max(span[0], i.position) >= SHORTEST_SECONDS]
    return whole or list(items)


def region_part(target_item: Target, span: Range, values: Mapping[str, Any] | None = None) -> tuple[Part, list[str]]:
    """The request for what of the range the item plays, and what is to be said of it."""
    first, last = _clipped(target_item, span)
    notes = []
    if (first, last) != span:
        notes.append(f"The range was clipped to the item at {target_item.item.position:g} s: {first:g} to {last:g} s.")
    excerpt = target_item.unrolled() if target_item.repeats else None
    origin = excerpt.seconds[0] if excerpt else 0.0
    region = {"start_time": _inside(target_item, first, excerpt), "end_time": _inside(target_item, last, excerpt)}
    known = {**(values or {}), **target_item.source(), **region, **target_item.tempo(first, last, origin)}
    request = request_for("inpaint", target_item.job, known)
    shown = Span(first, last - first, region["start_time"], *_fades(target_item.item, first, last))
    place = target_item.place(shown, target_item.source_time(target_item.item.position) - origin if excerpt else None)
    return Part(request, place, target_item.name, excerpt, target_item.channel_mode()), notes


def clipped_region(target_item: Target, span: Range) -> tuple[float, float, dict[str, float]]:
    """The part of a range that the item plays, in project seconds, and as fields of a request."""
    first, last = _clipped(target_item, span)
    return first, last, {"start_time": _inside(target_item, first, None), "end_time": _inside(target_item, last, None)}


def _clipped(target_item: Target, span: Range) -> Range:
    """The range within the item and what it plays of its source. Raises ProjectRefused where the source is over."""
    item, heard = target_item.item, target_item.sounding
    first, last = max(span[0], item.position), min(span[1], item.end)
    outside = first < heard[0] - ROUNDING_SECONDS or last > heard[1] + ROUNDING_SECONDS
    inner = max(first, heard[0]), min(last, heard[1])
    if outside and inner[1] - inner[0] < SHORTEST_SECONDS:
        length = target_item.info.duration_seconds
        place = f"{target_item.source_time(first):g} to {target_item.source_time(last):g} s of a source of {length:g} s"
        remedy = "Choose a range where the item sounds, or extend the music with rpp outpaint."
        raise refused("region", f"{place} (it is over there)", "a range inside the source", remedy)
    return inner if outside else (first, last)


def _inside(target_item: Target, time: float, excerpt: Excerpt | None) -> float:
    """Seconds of the source, or of what is sent of it, never beyond its ends by what was rounded."""
    start, end = excerpt.seconds if excerpt else (0.0, target_item.info.duration_seconds)
    return min(max(target_item.source_time(time) - start, 0.0), end - start)


def _fades(item: Item, first: float, last: float) -> tuple[Fade, Fade]:
    """The item's own where the region begins or ends with it."""
    fade_in = read_fade(item.block, "FADEIN") if first == item.position else SHORT_FADE
    return fade_in, read_fade(item.block, "FADEOUT") if last == item.end else SHORT_FADE

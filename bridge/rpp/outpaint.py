"""Music after (or before) an item: which item, from where to where, and what of its file the model hears.

Only what is new is placed, on a new track; what the item hides of its file stays hidden. Where the item fades out, the
new one fades in by what it falls, with the file's own samples, so that both together are the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.rpp.fades import SHORT_FADE, Fade, read_fade
from bridge.rpp.job import Excerpt, Part, Plan, ProjectJob, Span
from bridge.rpp.model import Item, Track
from bridge.rpp.project_file import Project
from bridge.rpp.targets import (
    ROUNDING_SECONDS,
    SHORTEST_SECONDS,
    Target,
    heard_span,
    request_for,
    target,
    time_range,
)
from bridge.rpp.text import refused

SHORTEST_OVERLAP = 0.05  # seconds outside of the range in which an ordinary fade may be made up for
HEARD_SECONDS = 130.0  # of a longer item the model is sent this much: the most context there is, and room for fades


@dataclass(frozen=True)
class Gap:
    """Free time beside an item, in project seconds: before it, or after it."""

    item: Item
    start: float
    end: float
    before: bool


def plan_outpaint(project: Project, track: Track, job: ProjectJob) -> Plan:
    """The plan. Raises ProjectRefused where no item ends or begins in the range, or several could be meant."""
    start, end = time_range(project, job)
    gaps = _chosen(project, track, start, end)
    target_item = target(project, track, gaps[0].item, job)
    notes = [f"Left as it is: {what}." for what in project.left_out(track, start, end)]
    notes += [note for gap in gaps for note in _notes(target_item, gap, (start, end))]
    return Plan(project, (_part(target_item, gaps),), tuple(notes))


def _notes(target_item: Target, gap: Gap, wanted: tuple[float, float]) -> list[str]:
    notes = []
    if (gap.before and gap.start > wanted[0]) or (not gap.before and gap.end < wanted[1]):
        notes.append(f"The range was clipped to the free time beside the item: {gap.start:g} to {gap.end:g} s.")
    edge = gap.end if gap.before else gap.start
    if not _crossing(target_item, "FADEIN" if gap.before else "FADEOUT", edge).seconds:
        notes.append(f"The item has no fade at {edge:g} s: if the joint clicks, give it a short one in REAPER.")
    return notes


def _chosen(project: Project, track: Track, start: float, end: float) -> list[Gap]:
    """The free time to fill: after one item, before one, or both of the same."""
    gaps = [gap for gap in _gaps(project, track, start, end) if gap.end - gap.start >= SHORTEST_SECONDS]
    if not gaps:
        raise _nothing_free(project, track, start, end)
    after = [gap for gap in gaps if not gap.before]
    before = [gap for gap in gaps if gap.before and gap.start not in {other.start for other in after}]
    meant = after if len(after) == 1 else [gap for gap in after if gap.end >= end] if after else before
    if len(meant) != 1:
        places = "; ".join(f"{gap.start:g} to {gap.end:g} s" for gap in after or before)
        raise refused("region", f"a range with free time beside several items: {places}", "one", "Narrow the range.")
    return [gap for gap in (*before, *after) if gap.item.block is meant[0].item.block]


def _gaps(project: Project, track: Track, start: float, end: float) -> list[Gap]:
    """Free time in the range at the end or the start of an item; what is silent of an item is free."""
    near = start - ROUNDING_SECONDS, end + ROUNDING_SECONDS
    touching = [i for i in project.items(track) if i.sounds and i.position < near[1] and i.end > near[0]]
    spans = [(item, *heard_span(item)) for item in touching]
    usable = {id(item.block) for item in project.items_at(track, *near)}
    gaps: list[Gap] = []
    for item, first, last in spans:
        if id(item.block) not in usable:
            continue
        others = [(f, e) for other, f, e in spans if other.block is not item.block]
        if start - ROUNDING_SECONDS <= last < end and not any(f <= last < e for f, e in others):
            gaps.append(Gap(item, last, min([end, *(f for f, _ in others if f > last)]), False))
        if start < first <= end + ROUNDING_SECONDS and not any(f < first <= e for f, e in others):
            gaps.append(Gap(item, max([start, *(e for _, e in others if e < first)]), first, True))
    return gaps


def _nothing_free(project: Project, track: Track, start: float, end: float) -> Exception:
    touched = project.items_at(track, start, end)
    where = f"{start:g} to {end:g} s of track {track.number} {track.name!r}"
    if not touched:
        project.item_at(track, start, end)  # says why
    remedy = "Select beyond the item's end (or before its start), from inside the item or from its edge on."
    got = f"{where}, where no item ends or begins with free time beside it"
    return refused("region", got, "a range that reaches beyond an item", remedy)


def _part(target_item: Target, gaps: Sequence[Gap]) -> Part:
    before = next((gap for gap in gaps if gap.before), None)
    after = next((gap for gap in gaps if not gap.before), None)
    excerpt = _excerpt(target_item, before, after)
    origin = excerpt.seconds[0] if excerpt else 0.0
    added_before = (before.end - before.start) * target_item.rate if before else 0.0
    added_after = (after.end - after.start) * target_item.rate if after else 0.0
    spans = []
    if before is not None:
        spans.append(_span_before(target_item, before, origin))
    if after is not None:
        spans.append(_span_after(target_item, after, origin - added_before))
    wanted: dict[str, Any] = {"extend_before_duration": added_before, "extend_after_duration": added_after}
    tempo = target_item.tempo(min(g.start for g in gaps), max(g.end for g in gaps), origin)
    request = request_for("outpaint", target_item.job, {**target_item.source(), **wanted, **tempo})
    return Part(request, target_item.on_new_track(*spans), target_item.name, excerpt, target_item.channel_mode())


def _excerpt(target_item: Target, before: Gap | None, after: Gap | None) -> Excerpt | None:
    """What of the file is sent; None where all of it is, since the item hides nothing on a side that is extended.

    An item that repeats its file is sent as it sounds: its frames go on behind the file's end.
    """
    rate, frames = target_item.info.sample_rate, target_item.info.frames
    first, last = (target_item.source_time(edge) for edge in target_item.sounding)
    hidden_before = before is not None and first > ROUNDING_SECONDS
    hidden_after = after is not None and last < frames / rate - ROUNDING_SECONDS
    if not (hidden_before or hidden_after or target_item.repeats):
        return None
    start, stop = round(first * rate), round(last * rate)
    if not target_item.repeats:
        start, stop = max(start, 0), min(stop, frames)
    context = target_item.job.fields.get("context_seconds", 0.0)
    if context is not None and (before is None or after is None):
        most = round(HEARD_SECONDS * rate)
        start, stop = (max(start, stop - most), stop) if before is None else (start, min(stop, start + most))
    return Excerpt(start, stop, rate)


def _span_before(target_item: Target, gap: Gap, origin: float) -> Span:
    """The new item before; it reaches into the fade-in of the old one."""
    fade = _crossing(target_item, "FADEIN", gap.end)
    end = gap.end + fade.seconds
    offset = max(target_item.source_time(gap.end) - origin, 0.0)  # the file begins with what is new
    return Span(gap.start, end - gap.start, offset, fade_out=fade if fade.seconds else SHORT_FADE)


def _span_after(target_item: Target, gap: Gap, file_start: float) -> Span:
    """The new item after; it reaches back into the fade-out of the old one."""
    fade = _crossing(target_item, "FADEOUT", gap.start)
    position = gap.start - fade.seconds
    offset = max(target_item.source_time(position) - file_start, 0.0)
    return Span(position, gap.end - position, offset, fade_in=fade if fade.seconds else SHORT_FADE)


def _crossing(target_item: Target, key: str, edge: float) -> Fade:
    """The fade that makes up for the old item's at this edge; none where its sound ends before its edge."""
    item = target_item.item
    if edge not in (item.position, item.end):
        return Fade(0.0)
    fade = read_fade(item.block, key)
    first, last = target_item.sounding
    start, end = time_range(target_item.project, target_item.job)
    inside = edge - start if key == "FADEOUT" else end - edge
    return fade.opposite(min(fade.seconds, last - first, max(inside, SHORTEST_OVERLAP)))

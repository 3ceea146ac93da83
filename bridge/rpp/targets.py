"""What a job works on: the range, the items under it, and what is heard of their files. Renders nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bridge.rpp.channels import channels_to_render, mode_of_new_file
from bridge.rpp.job import Excerpt, OnItem, OnTrack, ProjectJob, Span
from bridge.rpp.model import Item, Take, Track
from bridge.rpp.project_file import Project
from bridge.rpp.tempo_map import request_map
from bridge.rpp.text import readable, refused
from engine.audio.files import AudioInfo, probe
from engine.requests import TASKS, Request, fields_of, from_dict

SHORTEST_SECONDS = 0.02  # a sliver of a neighbouring item is no target
LONGEST_UNROLLED_SECONDS = 1200.0  # of an item that repeats its file; it is held in memory
ROUNDING_SECONDS = 1e-3  # lengths in project files are rounded: an item may end this far beyond its source


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


@dataclass(frozen=True)
class Target:
    """An item whose active take is one plain audio file, and the job that it is a target of."""

    project: Project
    track: Track
    item: Item
    take: Take
    job: ProjectJob

    @cached_property
    def info(self) -> AudioInfo:
        """What the take's file holds. Raises InvalidRequest for one that cannot be read."""
        return probe(str(self.take.source))

    @property
    def rate(self) -> float:
        return self.take.play_rate

    @property
    def name(self) -> str:
        return self.job.name or self.take.name or self.track.name or "take"

    def source_time(self, time: float) -> float:
        """Seconds of the source, on whole nanoseconds, so that 0 stays 0."""
        return round(self.item.source_time(time), 9) + 0.0

    def project_time(self, seconds: float) -> float:
        """Where this second of the source lies when it is played for the first time."""
        return self.item.position + (seconds - self.take.start_offset) / self.rate

    @property
    def heard(self) -> tuple[float, float]:
        """Project seconds in which the source plays once, within the item."""
        first, last = self.project_time(0.0), self.project_time(self.info.duration_seconds)
        return _closer(self.item.position, first, max), _closer(self.item.end, last, min)

    @property
    def repeats(self) -> bool:
        """Whether the item goes on with its source from the start where that is over."""
        return self.item.looped and self.heard != (self.item.position, self.item.end)

    @property
    def sounding(self) -> tuple[float, float]:
        """Project seconds in which the item sounds at all."""
        return (self.item.position, self.item.end) if self.item.looped else self.heard

    def source(self) -> dict[str, Any]:
        """The request's fields that say what is edited."""
        given = {"audio": str(self.take.source), "output": "full", "format": "wav"}
        channels = channels_to_render(self.take.channel_mode, self.info.channels)
        return {**given, "channels": channels} if channels else given

    def channel_mode(self) -> int | None:
        """The new take's channel mode, where only some channels of the file are rendered."""
        channels = self.job.fields.get("channels", self.source().get("channels"))
        if not channels:
            return None
        return mode_of_new_file(self.take.channel_mode, channels, self.info.channels)

    def tempo(self, start: float, end: float, origin: float = 0.0) -> dict[str, Any]:
        """The tempo map of a range, in seconds of the source from `origin` on."""
        if not self.job.use_tempo:
            return {}
        offset = self.take.start_offset - origin
        return {"tempo_map": request_map(self.project.tempo, start, end, self.item.position, offset, self.rate)}

    def unrolled(self) -> Excerpt:
        """All that the item plays, each repetition of its file included."""
        rate = self.info.sample_rate
        first, last = (round(self.source_time(edge) * rate) for edge in (self.item.position, self.item.end))
        if last - first > LONGEST_UNROLLED_SECONDS * rate:
            got = f"an item that repeats its source for {(last - first) / rate:.0f} s"
            raise refused(
                "region", got, f"at most {LONGEST_UNROLLED_SECONDS:.0f} s", "Split the item around the range."
            )
        return Excerpt(first, last, rate)

    def place(self, span: Span, offset: float | None = None) -> OnItem | OnTrack:
        """As a take of the item (from `offset` of the result on, else its own), or `span` of it on a new track."""
        if self.job.new_track:
            return self.on_new_track(span)
        starts = [other.block.opening.start for other in self.project.items(self.track)]
        return OnItem(self.track.number, starts.index(self.item.block.opening.start), self.take, offset)

    def on_new_track(self, *spans: Span) -> OnTrack:
        return OnTrack(self.track.number, True, spans, self.rate, self.take, self.item.volume)


def heard_span(item: Item) -> tuple[float, float]:
    """From when to when an item sounds: less than the item where its file is over before; else its edges."""
    take = item.active_take
    if take is None or take.obstacles or take.source is None or item.looped or not take.source.is_file():
        return item.position, item.end
    length = probe(str(take.source)).duration_seconds
    first = item.position - take.start_offset / take.play_rate
    return _closer(item.position, first, max), _closer(item.end, first + length / take.play_rate, min)


def _closer(edge: float, limit: float, choose: Any) -> float:
    """The item's edge where the source's lies as near as rounding makes it, else the one inside."""
    return edge if abs(edge - limit) <= ROUNDING_SECONDS else float(choose(edge, limit))


def target(project: Project, track: Track, item: Item, job: ProjectJob) -> Target:
    """The item as a target. Raises ProjectRefused with the reasons, also for a take that could not be added."""
    several = sum(not take.empty for take in item.takes) > 1
    if item.plays_all_takes and (several or not (job.new_track or job.task == "outpaint")):
        remedy = "Turn off 'Play all takes' of that item."
        raise refused("item", "an item that plays all its takes", "one that plays the active take", remedy)
    return Target(project, track, item, plain_take(item), job)


def plain_take(item: Item) -> Take:
    """The active take, if its source is what is heard. Raises ProjectRefused with the reasons."""
    take = item.active_take
    if take is None or take.source is None or take.obstacles:
        reasons = ", ".join(take.obstacles) if take and take.obstacles else "no audio file"
        remedy = "Glue the item in REAPER first, or choose another."
        raise refused("track", f"a take with {reasons}", "a take of a plain audio file", remedy)
    if not take.source.is_file():
        remedy = "Put the file back, or open the project in REAPER and find it there."
        got = f"a take whose file is missing: {readable(str(take.source))}"
        raise refused("track", got, "a file that exists", remedy)
    return take


def request_for(task: str, job: ProjectJob, values: Mapping[str, Any]) -> Request:
    """The request of these values, those that the task knows, with the job's own fields on top."""
    known = fields_of(TASKS[task])
    kept = {name: value for name, value in values.items() if name in known}
    return from_dict({"task": task, **kept, **job.fields})

"""A region of a track in a project file: what to render, and the result as a new take in another project file.

The take's source is edited, not what the track plays: the new file has the source's length, so offset and rate stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.client import JobResult
from bridge.reaper.project_file import Project
from bridge.reaper.rpp_model import Item, Take, Track
from bridge.reaper.rpp_write import NewTake
from bridge.reaper.tempo_map import request_map
from engine.errors import InvalidRequest
from engine.requests import Request, from_dict


@dataclass(frozen=True)
class Wish:
    """What the user asked for. Times in seconds of the project; None: its time selection.

    `fields` are any other fields of the request. `use_tempo` false: the project's tempo says nothing about the music.
    """

    project: Path
    out: Path
    track: str
    tags: str
    lyrics: str = ""
    start_time: float | None = None
    end_time: float | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    use_tempo: bool = True


@dataclass(frozen=True)
class MadeTake:
    """The files that were written."""

    project: Path
    audio: Path


@dataclass(frozen=True)
class TakePlan:
    """The request, and where its result goes."""

    project: Project
    track: Track
    item: Item
    take: Take
    request: Request
    out: Path

    def finish(self, result: JobResult, name: str = "") -> MadeTake:
        """Copy the audio beside the new project and write the project with the take."""
        audio = self._audio_path()
        result.save(audio)
        title = name or f"{self.take.name or self.track.name} ({result.model.name}, seed {result.seed})"
        source = Path(audio.name) if audio.parent == self.project.path.parent else audio
        take = NewTake(source, title, like=self.take, recipe=dict(result.recipe))
        extended = self.project.insert_take(self.item, take)
        return MadeTake(extended.save_as(self.out), audio)

    def _audio_path(self) -> Path:
        stem = f"{self.take.source.stem if self.take.source else self.track.name}-new"
        folder = self.out.absolute().parent
        path, number = folder / f"{stem}.wav", 1
        while path.exists():
            number += 1
            path = folder / f"{stem}-{number}.wav"
        return path


def plan_take(wish: Wish) -> TakePlan:
    """Find the item and its source. Raises `InvalidRequest` for what cannot be regenerated, with the reason."""
    _check_out(wish)
    project = Project.load(wish.project)
    start, end = _range(project, wish)
    track = project.track(wish.track)
    item = project.item_at(track, start, end)
    take = _usable_take(item)
    start, end = max(start, item.position), min(end, item.end)
    return TakePlan(project, track, item, take, _request(wish, project, item, take, (start, end)), wish.out)


def _request(wish: Wish, project: Project, item: Item, take: Take, span: tuple[float, float]) -> Request:
    source = {"audio": str(take.source), "tags": wish.tags, "lyrics": wish.lyrics, "output": "full", "format": "wav"}
    region = {"start_time": item.source_time(span[0]), "end_time": item.source_time(span[1])}
    tempo = request_map(project.tempo, *span, item.position, take.start_offset, take.play_rate)
    values: dict[str, Any] = {"task": "inpaint", **source, **region, **({"tempo_map": tempo} if wish.use_tempo else {})}
    return from_dict(values | dict(wish.fields))


def _range(project: Project, wish: Wish) -> tuple[float, float]:
    selected = project.time_selection
    start = wish.start_time if wish.start_time is not None else selected[0] if selected else None
    end = wish.end_time if wish.end_time is not None else selected[1] if selected else None
    if start is None or end is None:
        raise InvalidRequest(
            "start_time",
            "no times, and a project without a time selection",
            "a region",
            "Give --start-time and --end-time.",
        )
    if not start < end:
        raise InvalidRequest("start_time", f"{start:g} s", f"less than end_time ({end:g} s)", "Swap them.")
    return start, end


def _usable_take(item: Item) -> Take:
    take = item.active_take
    if take is None or take.source is None:
        raise InvalidRequest("track", "an item without an audio file", "an audio take", "Choose another item.")
    if take.obstacles or item.looped:
        reasons = ", ".join([*take.obstacles, *(["a looped source"] if item.looped else [])])
        raise InvalidRequest("track", f"a take with {reasons}", "a plain audio take", "Glue the item in REAPER first.")
    return take


def _check_out(wish: Wish) -> None:
    if not wish.project.is_file():
        raise InvalidRequest("project", f"{wish.project}, which is no file", "a REAPER project", "Check the path.")
    if wish.out.suffix.lower() != ".rpp" or not wish.out.absolute().parent.is_dir():
        raise InvalidRequest("-o", f"{wish.out}", "a name that ends in .RPP in a folder that exists", "Say NEW.RPP.")
    if wish.out.exists() and wish.out.samefile(wish.project):
        raise InvalidRequest("-o", "the project itself", "another file", "The project is never overwritten.")

"""Another take of items: of what was made here from its recipe, of other audio as far as the range goes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.files.store import hash_file
from bridge.rpp.inpaint import items_under, region_part
from bridge.rpp.job import Part, Plan, ProjectJob, Span
from bridge.rpp.model import Item, Take, Track
from bridge.rpp.project_file import Project
from bridge.rpp.targets import Target, request_for, target, time_range
from bridge.rpp.text import number, refused
from bridge.rpp.write import EXT_SECTION, recipe_key
from engine.audio.metadata import read_recipe
from engine.requests import FROM_WORDS, TASKS, fields_of

_OF_ANOTHER_FILE = ("lego", "extract", "complete")  # what they make is not their source with a change
_NOT_AGAIN = ("task", "seed", "retake_seed", "audio", "channels")  # another seed, and the take as it is now


def plan_retake(project: Project, track: Track, job: ProjectJob) -> Plan:
    """The plan. Raises ProjectRefused where nothing lies under the range, or tags are missing for other audio."""
    span = _span(project, job)
    items = items_under(project, track, span)
    notes = [f"Left as it is: {what}." for what in project.left_out(track, *span)]
    made_here = [item for item in items if _request_of(project, item) is not None]
    if made_here and len(made_here) < len(items):
        others = ", ".join(f"{item.position:g} s" for item in items if item not in made_here)
        notes.append(f"Left as it is: the item at {others}, which was not made here.")
    parts = []
    for item in made_here or items:
        part, part_notes = _part(target(project, track, item, job), span)
        parts.append(part)
        notes += part_notes
    return Plan(project, tuple(parts), tuple(notes))


def _span(project: Project, job: ProjectJob) -> tuple[float, float]:
    """The range, or with none the edit cursor."""
    if job.start_time is None and job.end_time is None and project.time_selection is None:
        cursor = project.root.line("CURSOR")
        at = number(cursor, default=0.0) if cursor else 0.0
        return at, at + 1e-9
    return time_range(project, job)


def _part(target_item: Target, span: tuple[float, float]) -> tuple[Part, list[str]]:
    first_request = _request_of(target_item.project, target_item.item) or {}
    if first_request.get("task") in FROM_WORDS:
        known = fields_of(TASKS["retake"])
        values = {k: v for k, v in first_request.items() if k in known and k not in ("variance", "retake_seed")}
        return Part(
            request_for("retake", target_item.job, values), target_item.place(_whole(target_item)), target_item.name
        ), []
    values = {k: v for k, v in first_request.items() if k not in _NOT_AGAIN}
    if first_request.get("task") in _OF_ANOTHER_FILE:
        return _from_its_source(target_item, first_request), []
    if first_request.get("task") == "inpaint":
        request = request_for("inpaint", target_item.job, {**values, **target_item.source()})
        note = "The region that was regenerated is made again with another seed."
        return Part(
            request, target_item.place(_whole(target_item)), target_item.name, channel_mode=target_item.channel_mode()
        ), [note]
    return _from_audio(target_item, span, values)


def _from_its_source(target_item: Target, first_request: Mapping[str, Any]) -> Part:
    """A stem, or a completed take, once more with another seed: its source is a file that the project plays, by hash.

    Raises ProjectRefused where no item plays that file any more.
    """
    recipe = kept_recipe(target_item.project, target_item.take) or {}
    source = _file_of(target_item.project, str(recipe.get("source_sha256") or ""))
    if source is None:
        remedy = "Put the item back that it was made from, or make it anew from another one."
        raise refused("track", "a take whose source no item of the project plays", "its source in the project", remedy)
    task = str(first_request["task"])
    again = {k: v for k, v in first_request.items() if k not in ("task", "seed", "retake_seed")}
    model = (recipe.get("model") or {}).get("name")
    request = request_for(task, target_item.job, {**again, "audio": str(source), **({"model": model} if model else {})})
    return Part(request, target_item.place(_whole(target_item)), target_item.name)


def _file_of(project: Project, sha256: str) -> Path | None:
    """The first file of the project's takes with that hash."""
    sources = (take.source for track in project.tracks for item in project.items(track) for take in item.takes)
    files = (source for source in dict.fromkeys(sources) if source is not None and source.is_file())
    return next((source for source in files if hash_file(source) == sha256), None) if sha256 else None


def _from_audio(
    target_item: Target, span: tuple[float, float], first_request: Mapping[str, Any]
) -> tuple[Part, list[str]]:
    """Audio that no seed leads back to: the range is regenerated with what is there as its starting point."""
    if "tags" not in target_item.job.fields and not first_request.get("tags"):
        remedy = "Give --tags: then the range is regenerated with the take as its starting point."
        raise refused("track", "a take that was not made here", "a take with a recipe", remedy)
    if span[1] - span[0] < 1e-6:  # the edit cursor
        span = target_item.item.position, target_item.item.end
    part, notes = region_part(
        target_item, span, {"tags": first_request.get("tags")} if first_request.get("tags") else {}
    )
    start, end = (max(span[0], target_item.item.position), min(span[1], target_item.item.end))
    note = f"The take has no seed to start from: {start:g} to {end:g} s of it were the starting point of new audio."
    return part, [*notes, note]


def _whole(target_item: Target) -> Span:
    return Span(target_item.item.position, target_item.item.length, target_item.take.start_offset)


def _request_of(project: Project, item: Item) -> dict[str, Any] | None:
    """The request that the item's active take was made by; None where it was not made here."""
    take = item.active_take
    recipe = kept_recipe(project, take) if take and not take.empty else None
    request = recipe.get("request") if recipe else None
    return request if isinstance(request, dict) else None


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
        value = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None

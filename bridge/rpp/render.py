"""Render into a project file without REAPER: the results become takes or items of a new project.

`render_into_project(job, render)` is all of it; `render` takes a request and gives what was made, from a daemon
(`rendered_of` reads a JobResult) or anything else. The input project is never written; audio goes beside the new
one under names that are not taken, and is removed again when something fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import UNSET, structs

from bridge.rpp.job import Excerpt, OnTrack, Part, Plan, ProjectJob
from bridge.rpp.placing import Made, placed, safe_stem, title
from bridge.rpp.plan import make_plan
from bridge.rpp.text import refused
from engine.atomic import naming
from engine.audio.buffer import Audio
from engine.audio.files import probe, read
from engine.requests import Request

if TYPE_CHECKING:
    from bridge.client import JobResult

__all__ = ["ProjectResult", "Rendered", "ready", "render_into_project", "rendered_of", "safe_stem", "write_project"]
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
    if job.out is None:
        raise refused("out", "no file to write", "a name that ends in .RPP", "Say NEW.RPP.")
    plan = make_plan(job)
    rendered = [list(render(ready(part))) for part in plan.parts]
    return write_project(plan, rendered, job.out)


def ready(part: Part) -> Request:
    """The request as it is sent: with the samples of its excerpt. Raises InvalidRequest, OSError."""
    if part.excerpt is None:
        return part.request
    wanted: Any = part.request
    channels = None if wanted.channels is UNSET else [channel - 1 for channel in wanted.channels]
    return structs.replace(part.request, audio=_read(wanted.audio, part.excerpt, channels), channels=UNSET)


def _read(path: str, excerpt: Excerpt, channels: Sequence[int] | None) -> Audio:
    frames = probe(path).frames
    pieces, at = [], excerpt.first
    while at < excerpt.last:
        start = at % frames
        stop = min(frames, start + excerpt.last - at)
        pieces.append(read(path, start, stop, channels).samples)
        at += stop - start
    return Audio(np.ascontiguousarray(np.concatenate(pieces, axis=1)), excerpt.sample_rate)


def rendered_of(result: JobResult) -> list[Rendered]:
    """The chosen results of a daemon's job on this machine."""
    return [
        Rendered(Path(e.audio.path or ""), dict(e.recipe), e.seed, e.model.name, e.seam_report) for e in result.chosen
    ]


def write_project(plan: Plan, rendered: Sequence[Sequence[Rendered]], out: Path) -> ProjectResult:
    """The new project with all results in place; `made` holds the results of each part, in order."""
    copies: list[Path] = []
    project = plan.project
    try:
        for part, results in zip(plan.parts, rendered, strict=True):
            files = [_copied(result.path, out, part.name, copies) for result in results]
            named = [_told(part, result, path) for result, path in zip(results, files, strict=True)]
            project = placed(project, part, named, out)
        written = project.save_as(out)
    except BaseException:
        for path in copies:
            path.unlink(missing_ok=True)
        raise
    return ProjectResult(written, copies, [r for results in rendered for r in results], list(plan.notes))


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
            with naming(path), target:
                shutil.copyfileobj(file, target, 1 << 20)
            return path
    raise refused("out", f"{_MOST_TAKES - 1} takes of {stem} in {folder}", "fewer", "Clean up that folder.")


def _told(part: Part, result: Rendered, path: Path) -> Made:
    lengths = [span.length for span in part.place.spans] if isinstance(part.place, OnTrack) else []
    seconds = probe(path).duration_seconds if None in lengths else 0.0
    request = result.recipe.get("request") or {}
    retake = request.get("retake_seed") if request.get("task") == "retake" else None
    return Made(path, title(part.name, result.model, result.seed, retake), seconds, result.recipe or None)

"""A request made ready for a model: its task, its fields settled, its source opened, what it covers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.effects.effect import Effect, read_effects
from engine.errors import about
from engine.families.facts import Facts, check_request, unread_words
from engine.rendering.source import Source, open_source
from engine.requests import Request, Resolved, resolve
from engine.requests.extent import Extent, extent_of
from engine.tasks.table import task_of
from engine.tasks.task import Task


@dataclass(frozen=True)
class Order:
    """What is to be rendered."""

    task: Task
    resolved: Resolved
    source: Source | None
    clip: Source | None  # whose timbre the music should have
    extent: Extent
    effects: tuple[Effect, ...] = ()


def order_of(request: Request, facts: Facts) -> Order:
    """The order that a request is, for a model with these facts.

    Raises InvalidRequest for a task or a field that the model does not take, for audio that cannot be read and for
    what the model cannot make at once.
    """
    check_request(request, facts)
    task = task_of(request)
    warnings: tuple[str, ...] = ()
    if task.becomes is not None:
        request, warnings = task.becomes(request)
        task = task_of(request)
    resolved = resolve(request, facts.default_request)
    resolved = replace(resolved, warnings=(*warnings, *resolved.warnings, *unread_words(resolved, facts)))
    source = None if resolved.audio is None else open_source(resolved.audio, resolved.channels)
    with about("reference_audio"):
        clip = None if resolved.reference_audio is None else open_source(resolved.reference_audio)
    shape = None if source is None else source.shape
    effects = read_effects(resolved.effects or ())
    return Order(task, resolved, source, clip, extent_of(resolved, facts.geometry, shape), effects)

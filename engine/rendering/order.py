"""A request made ready for a model: its task, its fields settled, its source opened, what it covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.geometry import Geometry
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
    extent: Extent


def order_of(request: Request, model_defaults: Mapping[str, Any], geometry: Geometry) -> Order:
    """The order that a request is, for a model with this `default_request` and this geometry.

    Raises InvalidRequest for audio that cannot be read and for what the model cannot make at once.
    """
    task = task_of(request)
    warnings: tuple[str, ...] = ()
    if task.becomes is not None:
        request, warnings = task.becomes(request)
        task = task_of(request)
    resolved = resolve(request, model_defaults)
    resolved = replace(resolved, warnings=(*warnings, *resolved.warnings))
    source = None if resolved.audio is None else open_source(resolved.audio, resolved.channels)
    shape = None if source is None else source.shape
    return Order(task, resolved, source, extent_of(resolved, geometry, shape))

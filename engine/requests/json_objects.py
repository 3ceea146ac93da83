"""Requests to and from JSON objects: `{"task": "inpaint", "tags": ..., ...}`. Knows no socket."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from engine.errors import InvalidRequest
from engine.requests.fields import fields_of
from engine.requests.types import TASKS, Request, TempoPoint


def from_dict(values: Mapping[str, Any]) -> Request:
    """The request that a JSON object describes. Raises `InvalidRequest` naming the field, unknown ones included."""
    task = values.get("task")
    if not isinstance(task, str) or task not in TASKS:
        raise InvalidRequest("task", repr(task), "one of " + ", ".join(TASKS), "Name the task in 'task'.")
    request_type = TASKS[task]
    fields = fields_of(request_type)
    given = {name: value for name, value in values.items() if name != "task"}
    for name in given:
        if name not in fields:
            raise _unknown(name, task, list(fields))
    for name, field in fields.items():
        if field.required and given.get(name) is None:
            raise InvalidRequest(name, "nothing", field.expected, f"{task} needs it. {field.description}".strip())
    given = {n: v for n, v in given.items() if v is not None or fields[n].nullable}
    if "tempo_map" in given:
        given["tempo_map"] = _tempo_points(given["tempo_map"])
    return request_type(**given)


def to_dict(request: Request) -> dict[str, Any]:
    """The request as a JSON object; fields not given are left out. `audio` must be text by now."""
    fields = fields_of(type(request))
    values = {name: getattr(request, name) for name in fields}
    given = {name: value for name, value in values.items() if value is not UNSET}
    return {"task": type(request).task, **msgspec.to_builtins(given)}


def _tempo_points(points: Any) -> Any:
    try:
        return msgspec.convert(points, list[TempoPoint], strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:
        expected = "a list of {time, bpm, numerator, denominator, bar_phase}"
        raise InvalidRequest("tempo_map", str(error), expected, "Correct that point.") from error


def _unknown(name: str, task: str, names: list[str]) -> InvalidRequest:
    near = difflib.get_close_matches(name, names, n=1)
    remedy = f"Did you mean {near[0]}?" if near else "`acestep-bridge schema` lists the fields."
    return InvalidRequest(name, "an unknown field", f"a field of {task}", remedy)

"""JSON Schema (2020-12) of the requests and the table of fields for the docs, from the one definition."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from engine.requests.fields import Field, fields_of
from engine.requests.types import TASKS, Request


def json_schema(task: str) -> dict[str, Any]:
    """The JSON Schema of one task's request, with `task` as a constant. Raises KeyError for an unknown task."""
    request_type = TASKS[task]
    (reference,), components = msgspec.json.schema_components([request_type], ref_template="#/$defs/{name}")
    name = reference["$ref"].rsplit("/", 1)[1]
    schema = components.pop(name)
    schema["properties"] = {"task": {"const": task}, **schema["properties"]}
    schema["required"] = ["task", *schema.get("required", [])]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": task,
        **schema,
        "$defs": components,
    }


def fields_table() -> str:
    """A Markdown table of every field: tasks, kind and range, default, meaning."""
    rows: dict[str, dict[str, Field]] = {}  # of each name, by task
    for task, request_type in TASKS.items():
        for name, field in fields_of(request_type).items():
            rows.setdefault(name, {})[task] = field
    lines = ["| field | tasks | value | default | meaning |", "|---|---|---|---|---|"]
    lines += [_row(by_task) for by_task in rows.values()]
    return "\n".join(lines)


def _row(by_task: dict[str, Field]) -> str:
    field = next(iter(by_task.values()))
    where = "all" if len(by_task) == len(TASKS) else ", ".join(by_task)
    meanings = dict.fromkeys(field.description for field in by_task.values())
    return f"| `{field.name}` | {where} | {field.expected} | {_default(by_task)} | {' '.join(meanings)} |"


def _default(by_task: dict[str, Field]) -> str:
    """What holds where nothing is given, or that something has to be."""
    optional = [task for task, field in by_task.items() if not field.required]
    if not optional:
        return "required"
    if len(optional) < len(by_task):
        return f"required (optional in {', '.join(optional)})"
    default = next(iter(by_task.values())).default
    return "" if default is UNSET else f"`{default}`"


def request_names(request_type: type[Request]) -> list[str]:
    """The names of a request's fields, in the order of the definition."""
    return list(fields_of(request_type))

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
    rows: dict[str, tuple[Field, list[str]]] = {}
    for task, request_type in TASKS.items():
        for name, field in fields_of(request_type).items():
            rows.setdefault(name, (field, []))[1].append(task)
    lines = ["| field | tasks | value | default | meaning |", "|---|---|---|---|---|"]
    lines += [_row(field, tasks) for field, tasks in rows.values()]
    return "\n".join(lines)


def _row(field: Field, tasks: list[str]) -> str:
    where = "all" if len(tasks) == len(TASKS) else ", ".join(tasks)
    default = "required" if field.required else ("" if field.default is UNSET else f"`{field.default}`")
    return f"| `{field.name}` | {where} | {field.expected} | {default} | {field.description} |"


def request_names(request_type: type[Request]) -> list[str]:
    """The names of a request's fields, in the order of the definition."""
    return list(fields_of(request_type))

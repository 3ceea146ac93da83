"""Command-line options from the definition of the request fields: the same names in kebab-case. Knows no daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from msgspec import UNSET

from engine.errors import InvalidRequest
from engine.requests import TASKS, Field, Request, fields_of, from_dict

SOURCE = "audio"
NONE = "none"


def parameters_of(task: str) -> list[click.Parameter]:
    """The SRC argument (where the task has a source) and an option a field."""
    fields = fields_of(TASKS[task])
    parameters: list[click.Parameter] = []
    if SOURCE in fields:
        parameters.append(click.Argument(["src"], type=click.Path(path_type=Path), metavar="SRC"))
    return parameters + [_option(f) for f in fields.values() if f.name != SOURCE]


def request_from(task: str, options: dict[str, Any]) -> Request:
    """The request that the options describe. Raises `InvalidRequest`."""
    fields = fields_of(TASKS[task])
    values: dict[str, Any] = {"task": task}
    for name, field in fields.items():
        text = options.get("src") if name == SOURCE else options.get(name)
        if text is not None:
            values[name] = str(Path(text).absolute()) if name == SOURCE else value_of(field, text)
    return from_dict(values)


def value_of(field: Field, text: Any) -> Any:
    """A field's value from what was typed. Raises `InvalidRequest` for text that is no such value."""
    if isinstance(text, bool) or not isinstance(text, str):
        return text
    if field.nullable and text.lower() == NONE:
        return None
    try:
        if field.kind == "int":
            return int(text)
        if field.kind == "float":
            return float(text)
        if field.kind in ("object", "list"):
            return _structured(field, text)
    except ValueError as error:
        raise InvalidRequest(field.name, repr(text), field.expected, field.description or "Mend it.") from error
    return text


def _structured(field: Field, text: str) -> Any:
    if text.lstrip().startswith(("[", "{")):
        return json.loads(text)
    if field.kind == "object":
        raise ValueError(text)
    return [_item(part.strip()) for part in text.split(",") if part.strip()]


def _item(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _option(field: Field) -> click.Option:
    flag = "--" + field.name.replace("_", "-")
    text = field.description + ("" if field.default in (UNSET, "") else f" [default: {_shown(field)}]")
    if field.kind == "bool":
        return click.Option([f"{flag}/--no-{flag[2:]}", field.name], default=None, help=text)
    metavar = "|".join(field.choices) if field.choices else field.kind.upper()
    return click.Option([flag, field.name], default=None, required=field.required, metavar=metavar, help=text)


def _shown(field: Field) -> str:
    return str(field.default) if not isinstance(field.default, float) else f"{field.default:g}"

"""Command-line options from the definition of the request fields: the same names in kebab-case. Knows no daemon."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import UNSET

from bridge.cli.options.completion import completing
from bridge.cli.options.help_pages import as_text
from bridge.cli.options.option_groups import example, group_of, metavar, place_of
from bridge.cli.options.times import seconds_of
from bridge.file_names import is_text, printable
from engine.errors import InvalidRequest
from engine.requests import TASKS, Field, Request, fields_of, from_dict

SOURCE = "audio"
NOTHING = ("none", "null")
NOT_PATHS = ("sha256:", "data:", "http://", "https://")


def options_of(task: str, needed: Mapping[str, str] | None = None) -> list[inspect.Parameter]:
    """One option a field, in the order and under the headings of the help. The source is an argument, not here.

    `needed` says of required fields when they are: {"tags": "required without --prompt"}.
    """
    fields = [field for field in fields_of(TASKS[task]).values() if field.name != SOURCE]
    ordered = sorted(fields, key=lambda field: (not field.required, place_of(field.name)))
    return [_option(field, (needed or {}).get(field.name, "required")) for field in ordered]


def request_from(task: str, options: dict[str, Any]) -> Request:
    """The request that the options (and `audio`) describe. Raises `InvalidRequest`."""
    return from_dict({"task": task, **values_from(task, options)})


def values_from(task: str, options: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given, with their values. Raises `InvalidRequest` for text that is no such value."""
    values: dict[str, Any] = {}
    for name, field in fields_of(TASKS[task]).items():
        given = options.get(name)
        if given is not None:
            values[name] = value_of(field, given)
    return values


def value_of(field: Field, text: Any) -> Any:
    """A field's value from what was typed. Raises `InvalidRequest` for text that is no such value."""
    if isinstance(text, bool):
        return text
    text = str(text)
    if field.kind == "audio":
        if not text:
            remedy = "Name the file. Is a variable of your script empty?"
            raise InvalidRequest(field.name, "an empty name", field.expected, remedy)
        return text if text.startswith(NOT_PATHS) else str(Path(text).absolute())
    if not is_text(text):
        remedy = "Let the terminal send UTF-8; a folder or file with such a name must be renamed."
        raise InvalidRequest(field.name, printable(text), "text in UTF-8", remedy)
    if field.name == "model":
        return _model(text)
    if field.nullable and text.lower() in NOTHING:
        return None
    try:
        return _parsed(field, text)
    except ValueError as error:
        raise InvalidRequest(
            field.name, repr(text), _expected(field), field.description or "Give such a value, or leave the option out."
        ) from error


def option_name(field_name: str) -> str:
    """start_time -> --start-time"""
    return "--" + field_name.replace("_", "-")


def _parsed(field: Field, text: str) -> Any:
    if field.kind == "int":
        return int(text)
    if field.unit == "seconds":
        return seconds_of(text)
    if field.kind == "float":
        return float(text)
    if field.kind == "bool":
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower(), text)
    if field.kind in ("object", "list"):
        return _structured(field, text)
    return text


def _structured(field: Field, text: str) -> Any:
    if text.lstrip().startswith(("[", "{")):
        return json.loads(text)
    if field.kind == "object":
        raise ValueError(text)
    return [_item(field, part.strip()) for part in text.split(",") if part.strip()]


def _item(field: Field, text: str) -> Any:
    if field.name == "effects":
        return text if Path(text).suffix != ".json" else str(Path(text).absolute())
    if field.name == "lora":
        return str(Path(text).absolute()) if Path(text).exists() else text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _model(text: str) -> str:
    """A folder of the user's as an absolute path: the daemon works in another folder."""
    is_path = ("/" in text or "\\" in text) and Path(text).expanduser().exists()
    return str(Path(text).expanduser().absolute()) if is_path else text


def _expected(field: Field) -> str:
    return field.expected + (", or a time such as 1:08.5" if field.unit == "seconds" else "")


def _option(field: Field, needed: str) -> inspect.Parameter:
    flag = option_name(field.name)
    unit = f" ({field.unit})" if field.unit and field.unit != "seconds" else ""
    text = f"{field.description}{unit}{example(field)}{_default(field, needed)}"
    group = group_of(field.name)
    if field.kind == "bool":
        flags = f"{flag}/--no-{flag[2:]}"
        kind: Any = Annotated[bool | None, typer.Option(flags, help=text, show_default=False, rich_help_panel=group)]
    else:
        kind = Annotated[
            str | None,
            typer.Option(
                flag,
                metavar=metavar(field),
                help=text,
                show_default=False,
                rich_help_panel=group,
                autocompletion=completing(field),
            ),
        ]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _default(field: Field, needed: str) -> str:
    if field.required:
        return f" [{needed}]"
    if field.default is UNSET or field.default == "":
        return ""
    return f" [default: {as_text(field.default)}]"

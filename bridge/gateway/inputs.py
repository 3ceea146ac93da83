"""From the JSON input of a call to a request: public names, lenient numbers, and all that is wrong with it at once.

Errors come in the form of the public API: `loc`, `msg`, `type`, `ctx`, `input`. Knows no HTTP and no file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from bridge.protocol.errors import ErrorContent
from engine.errors import InvalidRequest
from engine.requests import TASKS, Field, Request, fields_of, from_dict
from engine.requests.check import check_value

PUBLIC_NAMES = {"audio": "audio_url", "reference_audio": "reference_audio_url"}
SUPPORTED_FORMATS = ["wav", "flac", "mp3", "ogg", "opus", "aiff", "caf", "au", "m4a"]
Problem = dict[str, Any]
_TYPE_OF_KIND = {
    "int": "int_type",
    "float": "float_type",
    "bool": "bool_type",
    "str": "string_type",
    "choice": "one_of",
    "object": "dict_type",
    "list": "list_type",
    "audio": "string_type",
}


class BadInput(Exception):
    """What is wrong with a call: one entry a problem, as the body of a 422 lists them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem["msg"]) for problem in problems))
        self.problems = problems


def problem(loc: list[str | int], msg: str, kind: str, ctx: dict[str, Any] | None = None, **given: Any) -> Problem:
    """One entry of `detail`; `input` is left out where it was not given."""
    entry: Problem = {"loc": loc, "msg": msg, "type": kind}
    return entry | ({"ctx": ctx} if ctx else {}) | given


def read_input(task: str, body: Any) -> Request:
    """The request of a call's input. Raises BadInput with every field that cannot be used."""
    if not isinstance(body, dict):
        raise BadInput([problem(["body"], "The input: expected a JSON object with the fields.", "dict_type")])
    fields = fields_of(TASKS[task])
    values = _own_names(body, fields)
    problems = [
        problem_of_field for name in values if (problem_of_field := _unknown_or_wrong(name, values, fields, task))
    ]
    problems += [
        _missing(field, task) for field in fields.values() if field.required and values.get(field.name) is None
    ]
    if problems:
        raise BadInput(problems)
    try:
        return from_dict({**values, "task": task})
    except InvalidRequest as error:
        content = ErrorContent(
            code="invalid_request", message=str(error), field=error.field, got=error.got, expected=error.expected
        )
        raise BadInput([problem_of(content, values.get("audio"))]) from error


def _own_names(body: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values by our names, numbers told as text or with .0 made what the field wants."""
    ours = {public: name for name, public in PUBLIC_NAMES.items() if name in fields}
    values = {ours.get(name, name): value for name, value in body.items()}
    return {name: lenient(fields[name], value) if name in fields else value for name, value in values.items()}


def lenient(field: Field, value: Any) -> Any:
    """A number or a truth value told as text, and a whole number told as 27.0, as the public API takes them."""
    if isinstance(value, str) and field.kind in ("int", "float"):
        try:
            number = float(value)
        except ValueError:
            return value
        value = int(number) if number.is_integer() and abs(number) < 2**53 else number
    if field.kind == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    if field.kind == "bool" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


def _unknown_or_wrong(name: str, values: Mapping[str, Any], fields: Mapping[str, Field], task: str) -> Problem | None:
    value = values[name]
    if name not in fields:
        try:
            from_dict({"task": task, name: value})
        except InvalidRequest as error:
            return problem(["body", name], str(error), "extra_forbidden")
    field = fields[name]
    if value is None and (field.nullable or not field.required):
        return None
    if value is None or name == "tempo_map":  # the first is told as missing; the other is read with the whole
        return None
    try:
        check_value(field, value)
    except InvalidRequest as error:
        return _of_value(field, value, error)
    return None


def _of_value(field: Field, value: Any, error: InvalidRequest) -> Problem:
    loc: list[str | int] = ["body", public_name(field.name)]
    message = str(error).replace(f"{field.name}:", f"{public_name(field.name)}:", 1)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if field.kind in ("int", "float") and is_number:
        if field.minimum is not None and value < field.minimum:
            return problem(loc, message, "greater_than_equal", {"ge": field.minimum}, input=value)
        if field.maximum is not None and value > field.maximum:
            return problem(loc, message, "less_than_equal", {"le": field.maximum}, input=value)
    ctx = {"expected": list(field.choices)} if field.kind == "choice" else None
    return problem(loc, message, _TYPE_OF_KIND[field.kind], ctx, input=_short(value))


def _missing(field: Field, task: str) -> Problem:
    name = public_name(field.name)
    expected = "a URL, a data: URI, or the address of an upload" if field.kind == "audio" else field.expected
    text = f"{name}: got nothing, expected {expected}. {task} needs it. {field.description}"
    return problem(["body", name], text, "missing")


def public_name(name: str) -> str:
    """A field as callers know it."""
    return PUBLIC_NAMES.get(name, name)


def problem_of(error: ErrorContent, audio: Any = None) -> Problem:
    """A refusal of the daemon or the engine, as an entry of `detail`. `audio` is what the call named."""
    field = re.split(r"[.\[]", error.field or "")[0].strip("$")
    loc: list[str | int] = ["body", *([public_name(field)] if field else [])]
    message = (
        error.message.replace(f"{field}:", f"{public_name(field)}:", 1) if field in PUBLIC_NAMES else error.message
    )
    kind, ctx = _kind_of(error, field, audio)
    return problem(loc, message, kind, ctx)


def _kind_of(error: ErrorContent, field: str, audio: Any) -> tuple[str, dict[str, Any] | None]:
    if field in ("tags", "prompt") and (error.got or "").startswith("no "):
        return "sequence_too_short", {"min_length": 1}
    if field not in PUBLIC_NAMES:
        return "value_error", None
    if error.expected == "audio that may be fetched":
        too_large = re.match(r"a file of more than (\d+) MB", error.got or "")
        return (
            ("file_too_large", {"max_size": int(too_large[1]) * 10**6}) if too_large else ("file_download_error", None)
        )
    longest = re.match(r"at most ([\d.]+) s\b", error.expected or "")
    if longest:
        given = re.match(r"([\d.]+) s", error.got or "")
        provided = {"provided_duration": float(given[1])} if given else {}
        return "audio_duration_too_long", {"max_duration": float(longest[1]), **provided}
    if error.code in ("unknown_audio", "forbidden_path"):
        return "file_download_error", None
    if "channel" in (error.got or ""):
        return "value_error", None
    return "unsupported_audio_format", {"supported_formats": SUPPORTED_FORMATS}


def _short(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= 200 else f"{value[:197]}..."


def given(request: Request, name: str) -> Any:
    """A field's value, None where it was not given."""
    value = getattr(request, name, UNSET)
    return None if value is UNSET else value

"""The kinds of value a request field can hold, and the description of each field. Knows no model and no file.

A field that is not given is `UNSET`, so that a model's own defaults (its config's `default_request`) can take its
place; `resolve.py` fills in the rest. `Field` is what the CLI, the JSON Schema, the docs table, the dialogs and
the error messages are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, Meta, inspect


@dataclass(frozen=True)
class Field:
    """One field of a task: name, kind of value, bounds (inclusive), choices, default and what it means."""

    name: str
    kind: str  # "int", "float", "bool", "str", "choice", "object", "list", "audio"
    required: bool
    nullable: bool
    description: str
    default: Any = UNSET
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""

    @property
    def expected(self) -> str:
        """What a valid value is, in words."""
        return _expected(self) + (" or null" if self.nullable else "")


def about(description: str, default: Any = UNSET, unit: str = "", **constraints: Any) -> Meta:
    """The annotation of a request field: its meaning, default, unit and bounds (`ge`, `le`)."""
    extra: dict[str, Any] = {"unit": unit}
    schema: dict[str, Any] = {}
    if default is not UNSET:
        extra["default"] = default
        schema["default"] = default
    return Meta(description=description, extra=extra, extra_json_schema=schema, **constraints)


def audio(description: str) -> Meta:
    """The annotation of a field that holds audio: a path, `data:` URI, URL, `sha256:` hash, or `engine.Audio`."""
    return Meta(description=description, extra={"kind": "audio"}, extra_json_schema={"type": "string"})


@cache
def fields_of(request_type: type[msgspec.Struct]) -> dict[str, Field]:
    """Name to `Field`, in the order of the definition."""
    info = inspect.type_info(request_type)
    assert isinstance(info, inspect.StructType)
    return {f.name: _field(f) for f in info.fields}


@cache
def audio_fields(request_type: type[msgspec.Struct]) -> tuple[str, ...]:
    """The names of the fields that hold audio."""
    return tuple(name for name, field in fields_of(request_type).items() if field.kind == "audio")


def _field(field: inspect.Field) -> Field:
    kind, nullable = field.type, False
    meta: inspect.Metadata | None = None
    if isinstance(kind, inspect.Metadata):
        meta, kind = kind, kind.type
    if isinstance(kind, inspect.UnionType):
        members = [t for t in kind.types if not isinstance(_bare(t), inspect.NoneType)]
        nullable = len(members) < len(kind.types)
        kind = members[0]
    if isinstance(kind, inspect.Metadata):
        meta, kind = kind, kind.type
    extra = (meta.extra if meta else None) or {}
    description = ((meta.extra_json_schema if meta else None) or {}).get("description", "")
    return Field(
        name=field.name,
        kind=extra.get("kind") or _kind_name(kind),
        required=field.required,
        nullable=nullable,
        description=description,
        default=extra.get("default", UNSET),
        minimum=getattr(kind, "ge", None),
        maximum=getattr(kind, "le", None),
        choices=tuple(str(v) for v in getattr(kind, "values", ())),
        unit=extra.get("unit", ""),
    )


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _kind_name(kind: inspect.Type) -> str:
    names: dict[type, str] = {
        inspect.IntType: "int",
        inspect.FloatType: "float",
        inspect.BoolType: "bool",
        inspect.StrType: "str",
        inspect.LiteralType: "choice",
        inspect.DictType: "object",
        inspect.ListType: "list",
        inspect.VarTupleType: "list",
    }
    return names[type(kind)]


def _expected(field: Field) -> str:
    if field.kind == "choice":
        return "one of " + ", ".join(field.choices)
    noun = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "text",
        "object": "a JSON object",
        "list": "a list",
        "audio": "a path, a data: URI, a sha256: hash of an upload or result, a URL, or engine.Audio",
    }[field.kind]
    if field.unit and field.minimum is None:
        return f"{noun} of {field.unit}"
    unit = f" {field.unit}" if field.unit else ""
    if field.minimum is not None and field.maximum is not None:
        return f"{noun} from {_plain(field.minimum)} to {_plain(field.maximum)}{unit}"
    if field.minimum is not None:
        return f"{noun} of at least {_plain(field.minimum)}{unit}"
    return noun


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)

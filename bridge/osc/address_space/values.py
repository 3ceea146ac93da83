"""OSC arguments checked and turned into values. Knows no socket and no state.

Surfaces are lax about types: a fader sends a whole value as a float, a button 1.0. What is meant unmistakably is
taken; anything else is an `OscError` with address, got and expected.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import UNSET

from bridge.osc.address_space.addresses import Address
from engine.errors import InvalidRequest
from engine.requests import Field
from engine.requests.check import check_value

FLOAT_DIGITS = 6
NO_SERIAL = -1
NOT_GIVEN = -1
MAX_TEXT = 16_384
EXPECTED = {"i": "a whole number", "f": "a number", "s": "text"}


class OscError(Exception):
    """Arguments that an address does not take."""

    def __init__(self, address: str, got: str, expected: str) -> None:
        super().__init__(f"{address}: got {got}, expected {expected}")
        self.address, self.got, self.expected = address, got, expected


def split_serial(address: Address, arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], int | None]:
    """A command's arguments without what follows them, and its serial number: NO_SERIAL (-1) if none was given.

    A serial number is an `i` of 2 or more. 0 and 1, and every float, are what buttons send when they are let go and
    pressed: a press is a command without a number, letting go (None instead of a number) is no command.
    """
    if len(arguments) != len(address.tags) + 1 or not _is_number(arguments[-1]):
        return arguments, NO_SERIAL
    last = arguments[-1]
    if isinstance(last, int) and last >= 2:
        return (arguments[:-1], last) if last < 2**31 else (arguments, NO_SERIAL)
    return arguments[:-1], NO_SERIAL if last > 0 else None


def checked(address: Address, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as the address's types. Raises OscError."""
    if len(arguments) != len(address.tags):
        raise OscError(address.path, _show(arguments), _expected(address))
    return tuple(_one(address, tag, value) for tag, value in zip(address.tags, arguments, strict=True))


def field_value(address: Address, arguments: tuple[Any, ...]) -> Any:
    """The value for a request field: in its range, one of its choices. Raises OscError.

    None where the field is taken back: empty text, or -1 for a number without a default.
    """
    field = address.field
    assert field is not None
    (value,) = checked(address, arguments)
    if value == "" or (value == NOT_GIVEN and field.default is UNSET and field.kind in ("int", "float")):
        return None
    value = _of_kind(field, value)
    if field.name == "effects" and any("/" in str(name) or "\\" in str(name) for name in value):
        raise OscError(address.path, "a path", "names of presets, with commas between them")
    try:
        check_value(field, value)
    except InvalidRequest as error:
        raise OscError(address.path, error.got, error.expected) from error
    return value


def shown_default(address: Address) -> Any:
    """What a surface shows for a field that is not given: its default, empty text, or -1."""
    field = address.field
    if field is None or field.default is not UNSET:
        return field.default if field else None
    return {"int": NOT_GIVEN, "float": float(NOT_GIVEN), "bool": False}.get(field.kind, "")


def to_osc(value: Any) -> list[Any]:
    """Arguments that show a value on a surface: floats rounded to 6 digits, true and false as 1 and 0."""
    if isinstance(value, bool):
        return [int(value)]
    if isinstance(value, float):
        return [round(value, FLOAT_DIGITS)]
    if isinstance(value, list | tuple):
        return [", ".join(str(v) for v in value)]
    return ["" if value is None else value]


def _one(address: Address, tag: str, value: Any) -> Any:
    if tag == "s" and isinstance(value, str) and len(value) <= MAX_TEXT:
        return value
    if tag == "f" and _is_number(value):
        return float(value)
    if tag == "i" and _is_whole(value):
        return int(value)
    raise OscError(address.path, _show((value,)), _expected(address))


def _of_kind(field: Field, value: Any) -> Any:
    if field.kind == "bool":
        return bool(value)
    if field.kind == "list":
        return [int(part) if part.strip().isdigit() else part.strip() for part in value.split(",") if part.strip()]
    if field.kind == "float" and isinstance(value, float):
        return round(value, FLOAT_DIGITS)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer() and abs(value) < 2**31


def _expected(address: Address) -> str:
    if address.field is not None:
        return address.field.expected
    return " and ".join(EXPECTED[tag] for tag in address.tags) or "no arguments"


def _show(arguments: tuple[Any, ...]) -> str:
    if not arguments:
        return "no arguments"
    return ", ".join(repr(a) if len(repr(a)) <= 80 else repr(a)[:77] + "..." for a in arguments[:4])

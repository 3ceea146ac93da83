"""What Ardour's script manager writes: a Lua program of assignments such as `scripts = {} scripts[1] = {} ...`.

Source: `LuaInstance` in `gtk2_ardour/luainstance.cc` of Ardour 7.3. Texts are bytes, since functions are written as
byte code, quoted the way Lua's `%q` does.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Key: TypeAlias = int | bytes
Value: TypeAlias = "int | float | bool | bytes | dict[Key, Value] | None"
Table: TypeAlias = dict[Key, Value]

_TOKEN = re.compile(
    rb'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?(?:0x)?[0-9][0-9a-fA-Fx.+-]*)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[\[\]={}]))',
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(\d{1,3}|\r\n|.)", re.DOTALL)
_SIMPLE = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_WORDS: dict[bytes, Value] = {b"true": True, b"false": False, b"nil": None}


class BadLua(ValueError):
    """Text that is not what Ardour writes."""


def read(text: bytes) -> dict[bytes, Value]:
    """The variables that the program sets. Raises BadLua."""
    tokens = _tokens(text)
    variables: dict[Key, Value] = {}
    place = 0
    while place < len(tokens):
        place = _assignment(tokens, place, variables)
    return {name: value for name, value in variables.items() if isinstance(name, bytes)}


def write(name: bytes, value: Value) -> bytes:
    """The program that sets one variable."""
    if not isinstance(value, dict):
        return name + b" = " + _shown(value) + b" "
    parts = [name + b" = {} "]
    parts += [write(name + b"[" + _shown(key) + b"]", item) for key, item in value.items()]
    return b"".join(parts)


def quoted(text: bytes) -> bytes:
    """The text as a Lua string, as `%q` writes it."""
    text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\\n")
    return b'"' + text.replace(b"\r", b"\\r").replace(b"\0", b"\\000") + b'"'


def _shown(value: Value) -> bytes:
    if isinstance(value, bytes):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return {None: b"nil", True: b"true", False: b"false"}[value]
    return str(value).encode()


def _tokens(text: bytes) -> list[tuple[str, bytes]]:
    found, place = [], 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise BadLua(f"no Lua at byte {place}: {text[place : place + 20]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return found


def _assignment(tokens: list[tuple[str, bytes]], place: int, variables: Table) -> int:
    """`name[key]... = value` from `place` on; the place behind it."""
    kind, name = _at(tokens, place)
    if kind != "name":
        raise BadLua(f"got {name!r}, expected a variable")
    table, key = variables, name
    place += 1
    keys: list[Key] = [key]
    while _at(tokens, place)[1] == b"[":
        keys.append(_key(_at(tokens, place + 1)))
        place += 3
    for step in keys[:-1]:
        inner = table.get(step)
        if not isinstance(inner, dict):
            raise BadLua(f"{step!r} is no table")
        table = inner
    table[keys[-1]], place = _value(tokens, place + 1)
    return place


def _value(tokens: list[tuple[str, bytes]], place: int) -> tuple[Value, int]:
    kind, text = _at(tokens, place)
    if text == b"{" and _at(tokens, place + 1)[1] == b"}":
        return {}, place + 2
    if kind == "string":
        return _unquoted(text), place + 1
    if kind == "number":
        return _number(text), place + 1
    if text in _WORDS:
        return _WORDS[text], place + 1
    raise BadLua(f"got {text!r}, expected a value")


def _key(token: tuple[str, bytes]) -> Key:
    kind, text = token
    number = _number(text) if kind == "number" else None
    if isinstance(number, int):
        return number
    if kind == "string":
        return _unquoted(text)
    raise BadLua(f"got {text!r}, expected a key")


def _number(text: bytes) -> int | float:
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        return float.fromhex(text.decode()) if b"x" in text else float(text)
    except (ValueError, OverflowError) as error:
        raise BadLua(f"got {text!r}, expected a number") from error


def _unquoted(text: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        found = match.group(1)
        if found.isdigit() and int(found) > 255:
            raise BadLua(f"got \\{found.decode()}, expected a byte")
        return bytes([int(found)]) if found.isdigit() else _SIMPLE.get(found, found)

    return _ESCAPE.sub(one, text[1:-1])


def _at(tokens: list[tuple[str, bytes]], place: int) -> tuple[str, bytes]:
    if place >= len(tokens):
        raise BadLua("the text ends too early")
    return tokens[place]

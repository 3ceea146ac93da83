"""Change keys of reaper.ini without touching any other byte.

Works on text decoded as UTF-8 with surrogateescape. Knows no files and no meaning of a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECTION = "reaper"


def newline_of(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def get_key(text: str, key: str) -> str | None:
    """A key's value in the [reaper] section; None where it is not there."""
    for line in _section_lines(text):
        name, mark, value = line.partition("=")
        if mark and name.strip().lower() == key.lower():
            return value.strip()
    return None


def set_keys(text: str, values: Mapping[str, str | None]) -> str:
    """The text with these keys of [reaper] set, or taken out where the value is None. New keys end the section."""
    newline = newline_of(text)
    lines = split_lines(text)
    start, end = _section_bounds(lines)
    if start is None:
        lines = [f"[{_SECTION}]{newline}", *lines]
        start, end = 0, 1
    left = dict(values)
    body = [changed for line in lines[start + 1 : end] if (changed := _changed(line, left)) is not None]
    blank = len(body) - len("".join("x" if line.strip() else " " for line in body).rstrip())
    body, after = body[: len(body) - blank], body[len(body) - blank :]
    added = [f"{key}={value}{newline}" for key, value in left.items() if value is not None]
    before = [*lines[: start + 1], *body]
    if added and not before[-1].endswith("\n"):
        before[-1] += newline
    return "".join([*before, *added, *after, *lines[end:]])


def split_lines(text: str) -> list[str]:
    """Lines with their newlines. (str.splitlines also splits at characters that a name may hold.)"""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _changed(line: str, left: dict[str, str | None]) -> str | None:
    name = line.partition("=")[0].strip()
    key = next((key for key in left if key.lower() == name.lower()), None)
    if key is None or "=" not in line:
        return line
    value = left.pop(key)
    return None if value is None else f"{name}={value}{line[len(line.rstrip(chr(13) + chr(10))) :]}"


def _section_lines(text: str) -> list[str]:
    lines = text.split("\n")
    start, end = _section_bounds(lines)
    return [] if start is None else [line.rstrip("\r") for line in lines[start + 1 : end]]


def _section_bounds(lines: list[str]) -> tuple[int | None, int]:
    heads = [i for i, line in enumerate(lines) if line.strip().startswith("[") and line.strip().endswith("]")]
    for place, index in enumerate(heads):
        if lines[index].strip().lower() == f"[{_SECTION}]":
            return index, heads[place + 1] if place + 1 < len(heads) else len(lines)
    return None, len(lines)

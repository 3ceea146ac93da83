"""The region of a source as it was given: in seconds, in bars, or not at all; then it is asked for, or said.

Knows the options' names and the source's length; no daemon.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from bridge.cli.options.bars import tempo_points, times_of_bars
from bridge.cli.options.request_options import NOT_PATHS, option_name, value_of
from bridge.cli.options.times import clock, seconds_of
from bridge.cli.terminal.output import note
from engine.errors import InvalidRequest
from engine.requests import TASKS, fields_of

LONGEST_UNASKED = 30.0  # seconds: the API's end_time where none is given
ROUNDED = 1e-3  # seconds: the length is shown so
EXAMPLE = "seconds, or such as 1:08.5"
_TIMES = ("start_time", "end_time")


def region_of(task: str, src: Any, options: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with the times that bars stand for, or that were asked for at a terminal."""
    fields = {**fields, **_bars(task, options, fields)}
    if fields.get("end_time") is not None:
        return fields
    length = _seconds(src)
    start = fields.get("start_time")
    if length is None or fields.get("start_time_relative_to") == "end":
        return fields
    first = 0.0 if start is None else float(value_of(fields_of(TASKS[task])["start_time"], start))
    if not 0.0 <= first < length:
        return fields  # which the engine refuses
    if _is_terminal() and not options["as_json"] and not options["dry_run"]:
        return {**fields, **_asked(None if start is None else first, length)}
    _warn(first, length)
    return fields


def _bars(task: str, options: dict[str, Any], fields: dict[str, Any]) -> dict[str, float]:
    start, end = options.get("start_bar"), options.get("end_bar")
    if start is None and end is None:
        return {}
    for name, bar in zip(_TIMES, (start, end), strict=True):
        if bar is not None and fields.get(name) is not None:
            got = f"--{name.split('_')[0]}-bar {bar} and {option_name(name)}"
            raise InvalidRequest(name, got, "one of them", "Leave one of them out.")
    known = fields_of(TASKS[task])
    names = ("tempo_map", "tempo", "tags", "meter", "downbeat_time")
    given = {name: value_of(known[name], fields[name]) for name in names if fields.get(name) is not None}
    return times_of_bars(tempo_points(given), start, end)


def _seconds(src: Any) -> float | None:
    """How long the source is, where that can be told here."""
    from engine.audio.files import probe

    if not src or str(src).startswith(NOT_PATHS):
        return None
    return probe(Path(src)).duration_seconds  # what cannot be read is said now


def _warn(start: float, length: float) -> None:
    end = max(start, min(LONGEST_UNASKED, length))
    note(
        f"Note: no end was given: {clock(start)} to {clock(end)} of {clock(length)} is regenerated. "
        "Say --start-time and --end-time for another part."
    )


def _asked(start: float | None, length: float) -> dict[str, str]:
    """Times typed at the terminal; a time that is none, or outside, is asked for again."""
    note(f"Which part is regenerated? The audio is {clock(length)} long; times are {EXAMPLE}.")
    first = _ask("from", "0:00", 0.0, length) if start is None else start
    last = _ask("to", clock(min(length, max(LONGEST_UNASKED, first))), first, length)
    return {"start_time": str(first), "end_time": str(last)}


def _ask(word: str, default: str, low: float, high: float) -> float:
    while True:
        text = typer.prompt(f"    {word}", default=default, err=True)
        try:
            seconds = seconds_of(text)
            seconds = high if abs(seconds - high) < ROUNDED else seconds
        except ValueError:
            note(f"    got {text!r}, expected {EXAMPLE}")
            continue
        if low <= seconds <= high:
            return seconds
        note(f"    got {clock(seconds)}, expected {clock(low)} to {clock(high)}")


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()

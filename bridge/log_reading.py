"""Logs read again: entries of a process's files from the oldest on, as text for people, and as they come.

Lines that are no JSON (of a program that died, of older versions) are entries of their own. Knows no process.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.log import KEPT, LEVELS

PROCESSES = ("daemon", "engine", "gateway", "osc", "ardour", "reaper")
_MOST_BYTES = 1 << 20  # of each file's end that are looked at
_LOOK_SECONDS = 0.25
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ")


@dataclass(frozen=True)
class Entry:
    """Something that a process logged. `time` is ISO 8601, "" where it is not known."""

    process: str
    time: str
    level: str
    message: str
    traceback: str = ""

    def text(self) -> str:
        """For people: one line, and a traceback's own below it."""
        when = f"{_local(self.time)} " if self.time else ""
        more = "".join(f"\n    {line}" for line in self.traceback.splitlines())
        return f"{when}{self.process:8}{self.level:8}{self.message}{more}"


def log_path(home: Path, process: str) -> Path:
    """Where a process logs; what it writes past its log (a crash) is in `NAME.err` beside it."""
    return home / f"{process}.log"


def error_path(home: Path, process: str) -> Path:
    """Where a process's raw output goes."""
    return home / f"{process}.err"


def entries(home: Path, process: str) -> Iterator[Entry]:
    """What is kept of a process's log, from the oldest on; then what it wrote past it."""
    path = log_path(home, process)
    for file in [*(path.with_name(f"{path.name}.{number}") for number in range(KEPT, 0, -1)), path]:
        yield from _read(process, file)
    yield from _raw(process, error_path(home, process))


def last(home: Path, process: str, count: int, least: str = "debug") -> list[Entry]:
    """The last entries of a level or a graver one."""
    rank = LEVELS.index(least)
    found = [entry for entry in entries(home, process) if _rank(entry.level) >= rank]
    return found[-count:] if count else []


def end_of(home: Path, process: str, characters: int) -> str:
    """The end of a log and of raw output, as text for an error; "" where there is none."""
    return "\n".join(entry.text() for entry in last(home, process, 400))[-characters:].strip()


def follow(home: Path, processes: Sequence[str], least: str = "debug") -> Iterator[Entry]:
    """What is logged from the call on, for ever."""
    return _coming({process: _Tail(log_path(home, process)) for process in processes}, LEVELS.index(least))


def _coming(tails: Mapping[str, _Tail], rank: int) -> Iterator[Entry]:
    while True:
        came = [_entry(process, line) for process, tail in tails.items() for line in tail.lines()]
        yield from (entry for entry in sorted(came, key=lambda entry: entry.time) if _rank(entry.level) >= rank)
        time.sleep(_LOOK_SECONDS)


class _Tail:
    """Lines that come to a file, which may be put aside and begun again meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path, self._begun = path, b""
        self._number, self._at = _state(path)

    def lines(self) -> list[str]:
        number, size = _state(self._path)
        data = b""
        if number != self._number or size < self._at:
            data = self._rest()
            self._number, self._at = number, 0
        new = _bytes(self._path, self._at)
        self._at += len(new)
        *whole, self._begun = (self._begun + data + new).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole if line.strip()]

    def _rest(self) -> bytes:
        """What came to the file that was put aside."""
        aside = self._path.with_name(f"{self._path.name}.1")
        return _bytes(aside, self._at) if _state(aside)[0] == self._number else b""


def _state(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_ino, state.st_size


def _bytes(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except OSError:
        return b""


def _end(path: Path, most: int) -> str:
    return _bytes(path, max(0, _state(path)[1] - most)).decode("utf-8", "replace")


def _read(process: str, path: Path) -> Iterator[Entry]:
    text = _end(path, _MOST_BYTES)
    lines = text.split("\n")
    if _state(path)[1] > _MOST_BYTES:
        del lines[0]
    before = ""
    for entry in (_entry(process, line) for line in lines if line.strip()):
        before = entry.time or before
        yield entry if entry.time else replace(entry, time=before)


def _raw(process: str, path: Path) -> Iterator[Entry]:
    """What a process wrote past its log; when is known of the last of it only."""
    changed = datetime.fromtimestamp(_changed(path), UTC).isoformat(timespec="milliseconds")
    for line in _end(path, _MOST_BYTES).splitlines():
        if line.strip():
            yield Entry(process, changed, "error", line)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _entry(process: str, line: str) -> Entry:
    try:
        held: Any = json.loads(line)
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict) or "message" not in held:
        return _plain_entry(process, line.rstrip("\r"))
    told = {name: str(held.get(name) or "") for name in ("time", "level", "message", "traceback")}
    return Entry(process, **told)


def _plain_entry(process: str, line: str) -> Entry:
    """A line of REAPER's scripts begins with the local time."""
    when = _STAMP.match(line)
    if when is None:
        return Entry(process, "", "info", line)
    try:
        at = datetime.fromisoformat(when[1]).astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        at = ""
    return Entry(process, at, "info", line[when.end() :])


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS) - 1


def _local(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return text

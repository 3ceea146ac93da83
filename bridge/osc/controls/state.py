"""The controls' values: what surfaces set, what a request is made of. Knows no socket, no file and no daemon.

A control's name is its address without `/acestep/`. The region is `start_time` and `end_time`; bars and the DAW's loop
range are other ways to set these.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.clock.quantize import EXPECTED, OFF, normal
from bridge.clock.timeline import Meter
from bridge.osc.address_space.addresses import ROOT, Address, Kind, address_table
from bridge.osc.address_space.values import FLOAT_DIGITS, OscError, checked, field_value, shown_default, to_osc
from engine.errors import InvalidRequest
from engine.requests import TASKS, fields_of, from_dict
from engine.requests.check import parse_meter

REGION, BARS, LOOP = "region", "region/bars", "region/loop"
SOURCE, FOLDER, REAPER = "source", "result/folder", "reaper"
SEED, SEED_LOCK, REPEAT = "seed", "seed/lock", "repeat/bars"
HOLD, KEEP = "take/hold", "take/keep"
QUANTIZE, EARLY = "take/quantize", "take/early"
LINK, FOLLOW = "clock/link", "tempo/follow"
OURS_ALONE = frozenset({REGION, SEED_LOCK, REPEAT, HOLD, KEEP, EARLY, LINK, FOLLOW})  # not the daemon's
OF_THE_STAGE = frozenset({REAPER, REPEAT, HOLD, KEEP, QUANTIZE, EARLY, LINK, FOLLOW})  # no preset's
MAX_REPEAT_BARS, MAX_KEPT = 4096, 999
_COUNTS = {REPEAT: ("bars", MAX_REPEAT_BARS), KEEP: ("takes", MAX_KEPT)}
MAX_EARLY_SECONDS = 2.0
_DEFAULT_TEMPO = 120.0
PLAIN_SOURCE = "music"  # what is said of a source that nobody has described
# a request without faults, into which one value is put
_SAMPLE = {
    "tags": "a",
    "prompt": "a",
    "audio": "a",
    "duration": 1.0,
    "start_time": 0.0,
    "end_time": 1.0,
    "extend_after_duration": 1.0,
    "track": "drums",
    "tracks": ["drums"],
    "original_tags": "a",
    "edit_mode": "remix",
}
_EDGES = ("start_time", "end_time")
EDGE_FIELDS = (*_EDGES, "start_time_relative_to", "end_time_relative_to")


@dataclass
class Daw:
    """What is known of the DAW: loop range in seconds, tempo in beats a minute, play state, track names."""

    loop: tuple[float, float] | None = None
    tempo: float | None = None
    playing: bool = False
    tracks: dict[int, str] = field(default_factory=dict)


def controls() -> dict[str, Address]:
    """Every control, by name, in the order of the docs."""
    return {a.path.removeprefix(f"{ROOT}/"): a for a in address_table().values() if a.kind is Kind.CONTROL}


def control_name(text: str) -> str:
    """A control's name from its name or path."""
    return text.removeprefix(f"{ROOT}/")


class Controls:
    """Values by name; a name that is absent is not given. Every method that changes tells the names that changed."""

    def __init__(self) -> None:
        self.table = controls()
        self.values: dict[str, Any] = {}
        self.daw = Daw()
        self.last_seed: int | None = None  # of the last result

    def check(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """The value that the arguments mean for a control; None takes it back. Raises OscError."""
        address = self.table[name]
        if address.field is not None:
            return self._fit(address, name, field_value(address, arguments))
        values = checked(address, arguments)
        if name == REGION:
            return self._edges(address, *values)
        if name == BARS:
            return self._bars(address, *values)
        if name == QUANTIZE:
            return _quantize(address, *values)
        if name == EARLY and not 0 <= values[0] <= MAX_EARLY_SECONDS:
            raise OscError(address.path, f"{values[0]:g}", f"seconds from 0 to {MAX_EARLY_SECONDS:g}")
        what, most = _COUNTS.get(name, ("", 0))
        if what and not 0 <= values[0] <= most:
            raise OscError(address.path, str(values[0]), f"a number of {what} from 0 to {most}")
        return values[0] if values[0] != "" else None

    def change(self, name: str, value: Any) -> set[str]:
        """Set one control to what `check` gave."""
        new = {name: value}
        if name == REGION:
            new = self._region(*value) | {BARS: None, LOOP: None}
        elif name in EDGE_FIELDS:
            new |= {BARS: None, LOOP: None}
        elif name == LOOP:
            new = {LOOP: 1, BARS: None} if value else {LOOP: None}
        elif name == BARS:
            new |= {LOOP: None}
        elif name == SEED_LOCK:
            new = {SEED: self._kept_seed() if value else None}
        elif name in (REPEAT, HOLD, KEEP, EARLY, LINK, FOLLOW):
            new = {name: value or None}
        return self._put(new) | self.follow()

    def follow(self) -> set[str]:
        """Set the region again from loop range or bars; called when the DAW, tempo or meter changed."""
        if self.values.get(LOOP) and self.daw.loop is not None:
            return self._put(self._region(*self.daw.loop))
        if self.values.get(BARS):
            return self._put(self._region(*self._bar_times(*self.values[BARS])))
        return set()

    def take_over(self, values: Mapping[str, Any], except_for: Iterable[str] = ()) -> set[str]:
        """The daemon's controls become ours, except some that were just changed here. What is no control is left."""
        kept = set(except_for)
        names = [name for name in self.table if name not in kept | OURS_ALONE]
        return self._put({name: self._trusted(name, values.get(name)) for name in names})

    def load(self, values: Mapping[str, Any]) -> set[str]:
        """All controls become those of a preset; what the preset does not have is not given."""
        return self.take_over(values, OF_THE_STAGE)

    def saved(self) -> dict[str, Any]:
        """What a preset holds."""
        return {name: value for name, value in self.values.items() if name not in OF_THE_STAGE}

    def restore(self, before: Mapping[str, Any]) -> set[str]:
        """Some controls as they were; None: not given."""
        return self._put(before)

    def tempo(self) -> float:
        """Beats a minute: of the tempo control, else the DAW's, else 120."""
        return float(self.values.get("tempo") or self.daw.tempo or _DEFAULT_TEMPO)

    def meter(self) -> Meter:
        """The meter control's, else 4/4."""
        try:
            return Meter(*parse_meter(self.values.get("meter") or "4/4"))
        except InvalidRequest:
            return Meter()

    def bar_seconds(self) -> float:
        """Length of a bar, by the tempo control, else the DAW's, else 120; and the meter."""
        meter = self.meter()
        return meter.beats / meter.rate(self.tempo())

    def arguments(self, name: str) -> list[Any]:
        """A control's value as OSC arguments: of its default where it is not given."""
        if name == REGION:
            return [round(float(self.values.get(edge, -1.0)), FLOAT_DIGITS) for edge in _EDGES]
        if name == BARS:
            return list(self.values.get(BARS) or (0, 0))
        if name == QUANTIZE:
            return [self.values.get(QUANTIZE, OFF)]
        if name == EARLY:
            return [float(self.values.get(EARLY, 0.0))]
        if name in (LOOP, REAPER, REPEAT, HOLD, KEEP, LINK, FOLLOW):
            return [int(self.values.get(name) or 0)]
        if name == SEED_LOCK:
            return [int(SEED in self.values)]
        value = self.values.get(name)
        return to_osc(shown_default(self.table[name]) if value is None else _as_kind(self.table[name], value))

    def region_words(self) -> str:
        """The region for people."""
        start, end = (self.values.get(edge) for edge in _EDGES)
        if start is None and end is None:
            return "no region"
        return f"{start or 0:g} to {'the end' if end is None else f'{end:g}'} s"

    def seed_words(self) -> str:
        """What seed the next job has, for people."""
        if SEED in self.values:
            return f"seed {self.values[SEED]} locked"
        return "new seed each time" + (f", last {self.last_seed}" if self.last_seed is not None else "")

    def repeat_words(self) -> str:
        """How often the last task is started again, for people."""
        bars = self.values.get(REPEAT)
        return f"each {bars} bars" if bars else ""

    def request(self, task: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The request of a task, of the controls that it has. Raises OscError where there is no source."""
        fields = fields_of(TASKS[task])
        request = {name: value for name, value in self.values.items() if name in fields} | dict(more or {})
        if "audio" in fields:
            if not self.values.get(SOURCE):
                path = f"{ROOT}/{task.replace('-', '_')}"
                raise OscError(path, "no source", f"a file, named with {ROOT}/source or by committing a take")
            request["audio"] = self.values[SOURCE]
        if "original_tags" in fields:
            request.setdefault("original_tags", PLAIN_SOURCE)
        return {"task": task, **request}

    def _put(self, new: Mapping[str, Any]) -> set[str]:
        changed = {name for name, value in new.items() if self.values.get(name) != value}
        for name in changed:
            if new[name] is None:
                self.values.pop(name, None)
            else:
                self.values[name] = new[name]
        if changed & {*_EDGES}:
            changed.add(REGION)
        if SEED in changed:
            changed.add(SEED_LOCK)
        if changed & {"tempo", "meter", "downbeat_time"}:
            changed |= self.follow()
        return changed

    def _trusted(self, name: str, value: Any) -> Any:
        """A value that came from the daemon or a preset, or None where it cannot be one."""
        if value is None:
            return None
        try:
            parts = tuple(value) if name == BARS else to_osc(value)
            return self.check(name, tuple(parts))
        except (OscError, TypeError):
            return None

    def _fit(self, address: Address, name: str, value: Any) -> Any:
        """Text and lists have forms of their own (a meter, track names), which a request knows. Raises OscError."""
        if value is not None and address.field is not None and address.field.kind in ("str", "list"):
            task = next(task for task, kind in TASKS.items() if name in fields_of(kind))
            try:
                from_dict(
                    {n: v for n, v in _SAMPLE.items() if n in fields_of(TASKS[task])} | {"task": task, name: value}
                )
            except InvalidRequest as error:
                if error.field == name:
                    raise OscError(address.path, error.got, error.expected) from error
        return value

    def _edges(self, address: Address, start: float, end: float) -> tuple[float, float]:
        if not 0 <= start < end:
            raise OscError(address.path, f"{start:g} to {end:g}", "a start of at least 0 and an end behind it, seconds")
        return start, end

    def _bars(self, address: Address, first: int, count: int) -> list[int] | None:
        if (first, count) == (0, 0):
            return None
        if first < 1 or count < 1:
            raise OscError(address.path, f"bar {first}, {count} bars", "a first bar of 1 or more, and 1 bar or more")
        return [first, count]

    def _bar_times(self, first: int, count: int) -> tuple[float, float]:
        """Seconds of bars."""
        begin = (first - 1) * self.bar_seconds() + self.values.get("downbeat_time", 0.0)
        return begin, begin + count * self.bar_seconds()

    def _kept_seed(self) -> int:
        """The seed that is set, else the last result's, else a new one."""
        if SEED in self.values:
            return int(self.values[SEED])
        return random.randrange(2**31) if self.last_seed is None else self.last_seed

    def _region(self, start: float, end: float) -> dict[str, Any]:
        region: dict[str, Any] = {"start_time": round(start, FLOAT_DIGITS), "end_time": round(end, FLOAT_DIGITS)}
        return region | {"start_time_relative_to": None, "end_time_relative_to": None}


def _quantize(address: Address, text: str) -> str | None:
    """None where takes count at once. Raises OscError."""
    try:
        words = normal(text or OFF)
    except ValueError as error:
        raise OscError(address.path, repr(text[:80]), EXPECTED) from error
    return None if words == OFF else words


def _as_kind(address: Address, value: Any) -> Any:
    is_float = address.field is not None and address.field.kind == "float"
    return float(value) if is_float and isinstance(value, int) and not isinstance(value, bool) else value

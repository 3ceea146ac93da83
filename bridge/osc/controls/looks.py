"""Text and colour for each value, for surfaces that show labels and lamps but cannot think. Knows no socket.

Colours are "#rrggbb", as Open Stage Control's properties and CSS take them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.osc.address_space.addresses import COLOR, LAMP, NAME, ROOT, WORDS, Address, address_table, control_path
from bridge.osc.controls.state import BARS, KEEP, REPEAT, Controls

ON, OFF = "#d97706", "#1a2338"  # a lamp, a switch
GIVEN, DEFAULT = "#38bdf8", "#94a3b8"  # a value that somebody set, and the model's own
THERE, COUNTS = "#2563eb", "#16a34a"  # a take or source that is there, and the one that counts
RUNS, WAITS, WRONG = "#16a34a", "#d97706", "#dc2626"  # what the status says
MAX_WORDS = 200
STATUS, PROGRESS = f"{ROOT}/status", f"{ROOT}/progress"
_SHORT = {"seconds": "s"}


class Looks:
    """`of` an address that shows something new: the addresses of its text and colour, and what they are now.

    `last` holds what each address shows.
    """

    def __init__(self, controls: Controls, last: Mapping[str, Sequence[Any]]) -> None:
        self._controls, self._last = controls, last
        self._table = {path: address for path, address in address_table().items() if address.is_look}
        self._names = {control_path(name): name for name in controls.table}

    def all(self) -> Iterator[tuple[str, str]]:
        """Of every control, as it is before anything was told."""
        for path in self._names:
            yield from self.of(path)

    def of(self, path: str) -> Iterator[tuple[str, str]]:
        """Pairs of address and text."""
        if path in self._names:
            found = {WORDS: self._words(self._names[path]), COLOR: self._color(self._names[path])}
        elif path == STATUS:
            found = {COLOR: status_color(str(self._last[path][0]))}
        elif path == PROGRESS:
            found = {WORDS: f"{float(self._last[path][0]):.0%}"}
        elif path.endswith((LAMP, NAME)):
            path = path.removesuffix(LAMP).removesuffix(NAME)
            found = {COLOR: self._lamp(path)}
        else:
            return
        yield from ((path + end, text) for end, text in found.items() if path + end in self._table)

    def _words(self, name: str) -> str:
        address, (value, *more) = self._controls.table[name], self._controls.arguments(name)
        if name not in self._controls.values and value in (-1, -1.0, ""):
            return "not set"
        if name == BARS:
            return f"{value} to {value + more[0] - 1}" if more[0] else "not set"
        if _is_switch(name, address):
            return "on" if value else "off"
        return _number(address, value) if isinstance(value, int | float) else str(value)[:MAX_WORDS]

    def _color(self, name: str) -> str:
        address, (value, *_) = self._controls.table[name], self._controls.arguments(name)
        if _is_switch(name, address):
            return ON if value else OFF
        return GIVEN if name in self._controls.values else DEFAULT

    def _lamp(self, path: str) -> str:
        lit, name = self._last.get(path + LAMP, (0,))[0], self._last.get(path + NAME)
        if name is None:
            return ON if lit else OFF
        return COUNTS if lit else THERE if name[0] else OFF


def status_color(words: str) -> str:
    """Of what `/acestep/status` says."""
    if words.startswith("no daemon") or ": failed" in words:
        return WRONG
    if ": queued" in words or words.endswith("cancelling"):
        return WAITS
    return DEFAULT if words in ("ready", "starting") or words.endswith((": done", ": cancelled")) else RUNS


def _is_switch(name: str, address: Address) -> bool:
    if address.field is not None:
        return address.field.kind == "bool"
    return address.tags == "i" and name not in (REPEAT, KEEP)


def _number(address: Address, value: float) -> str:
    field = address.field
    if field is not None and field.kind == "float" and (field.minimum, field.maximum) == (0, 1) and not field.unit:
        return f"{value:.0%}"
    unit = _SHORT.get(field.unit, field.unit) if field is not None else ""
    return f"{value:g} {unit}".strip()

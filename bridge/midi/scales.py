"""A fader's position and an address's value, each made of the other. Knows addresses and bindings, no MIDI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.midi.bindings import Binding
from bridge.osc.address_space.addresses import ROOT, Address
from bridge.osc.controls.state import REPEAT

SWITCHES = frozenset(
    f"{ROOT}/{name}" for name in ("region/loop", "reaper", "seed/lock", "take/hold", "busy", "alive", "daw/play")
)
RANGES = {f"{ROOT}/{REPEAT}": (0.0, 16.0)}
TOO_WIDE = 1e6  # a fader over all seeds would be no use: it gives 0 to 127
STEPS = 100


def is_switch(address: Address) -> bool:
    """Whether it is on or off."""
    return address.path in SWITCHES or (address.field is not None and address.field.kind == "bool")


def choices(address: Address) -> tuple[str, ...]:
    """The words that it takes, if it is a choice."""
    return address.field.choices if address.field is not None else ()


def can_move(address: Address) -> bool:
    """Whether a fader can set or show it: one number, a switch or a choice."""
    return address.tags in ("i", "f") or bool(choices(address))


def limits(address: Address, binding: Binding) -> tuple[float, float]:
    """What the ends of a fader mean: the binding's own, else the field's range."""
    field = address.field
    low = 0.0 if field is None or field.minimum is None else float(field.minimum)
    high = 1.0 if field is None or field.maximum is None else float(field.maximum)
    low, high = RANGES.get(address.path, (low, high))
    if high - low > TOO_WIDE:
        high = low + 127.0
    return low if binding.low is None else binding.low, high if binding.high is None else binding.high


def value_at(address: Address, binding: Binding, position: float) -> Any:
    """The value of a fader at `position` (0 to 1)."""
    if is_switch(address):
        return int(position >= 0.5)
    words = choices(address)
    if words:
        return words[min(int(position * len(words)), len(words) - 1)]
    low, high = limits(address, binding)
    value = low + position * (high - low)
    return round(value) if address.tags == "i" else value


def stepped(address: Address, binding: Binding, present: Any, steps: int) -> Any:
    """The value `steps` of an endless knob away, kept in the range."""
    if is_switch(address):
        return int(steps > 0)
    words = choices(address)
    if words:
        at = words.index(present) if present in words else 0
        return words[min(max(at + steps, 0), len(words) - 1)]
    low, high = sorted(limits(address, binding))
    step = binding.step or (1.0 if address.tags == "i" else (high - low) / STEPS)
    value = min(max(float(present) + steps * step, low), high)
    return round(value) if address.tags == "i" else value


def next_one(address: Address, present: Any) -> Any:
    """What a button makes of a switch or a choice: the other one, the next one."""
    words = choices(address)
    if words:
        return words[((words.index(present) if present in words else -1) + 1) % len(words)]
    return int(not present)


def position_of(address: Address, binding: Binding, arguments: Sequence[Any]) -> float:
    """Where a fader or lamp stands that shows these arguments, 0 to 1."""
    if binding.arguments:
        return float(all(_same(a, b) for a, b in zip(arguments, binding.arguments, strict=False)))
    present = arguments[0]
    words = choices(address)
    if words:
        return words.index(present) / max(len(words) - 1, 1) if present in words else 0.0
    low, high = (0.0, 1.0) if is_switch(address) else limits(address, binding)
    return min(max((float(present) - low) / ((high - low) or 1.0), 0.0), 1.0)


def _same(shown: Any, bound: Any) -> bool:
    return (
        abs(shown - bound) < 1e-6 if isinstance(shown, float) and not isinstance(bound, str) else bool(shown == bound)
    )

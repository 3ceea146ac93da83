"""Parts of a long measurement that are written to a JSON file as they end, so that a run that was cut goes on.

{"machine": {...}, "parts": {"v1-region": {"seconds": 12.3, "figures": [{...}]}}, "left": {"v1-compiled": "why"}}
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.atomic import replacing
from tests.bench.figures import Figure

KEYS = ("machine", "parts", "left")
THE_SAME = ("gpu", "torch", "size")  # of the machine: figures of two are never mixed in one file


@dataclass(frozen=True)
class Part:
    """One part: the seconds that it is expected to take, with what must be made for it, and what measures it."""

    name: str
    expected_seconds: float
    measure: Callable[[], Sequence[Figure]]


def run_parts(
    parts: Sequence[Part],
    file: Path,
    seconds: float,
    machine: dict[str, Any],
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Measure every part that `file` does not hold and that is expected to end within `seconds`, in their order.

    A part that fails is named in "left" and tried again by the next run. Raises ValueError where `file` is of another
    machine, or is no file of this kind.
    """
    told = _read(file, machine)
    began = clock()
    for part in parts:
        if part.name in told["parts"]:
            print(f"{part.name}: kept from {file.name}", flush=True)
            continue
        rest = seconds - (clock() - began)
        if part.expected_seconds > rest:
            told["left"][part.name] = f"needs about {part.expected_seconds:.0f} s, {max(0.0, rest):.0f} s were left"
        else:
            _measure(part, told, clock)
        _write(file, told)
    return told


def figures_of(told: dict[str, Any]) -> list[Figure]:
    """Every figure in the file."""
    return [Figure(**figure) for part in told["parts"].values() for figure in part["figures"]]


def _measure(part: Part, told: dict[str, Any], clock: Callable[[], float]) -> None:
    began = clock()
    try:
        figures = part.measure()
    except Exception as error:  # the other parts are worth having
        traceback.print_exc()
        told["left"][part.name] = f"{type(error).__name__}: {error}"
    else:
        seconds = clock() - began
        told["left"].pop(part.name, None)
        told["parts"][part.name] = {"seconds": round(seconds, 2), "figures": [asdict(f) for f in figures]}
        print(f"{part.name}: {seconds:.1f} s", flush=True)


def _read(file: Path, machine: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run wrote."""
    if not file.exists():
        return {"machine": machine, "parts": {}, "left": {}}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        told = None
    if not isinstance(told, dict) or sorted(told) != sorted(KEYS):
        raise ValueError(f"{file}: expected a file that this command wrote. Name another one.")
    for name in THE_SAME:
        if told["machine"].get(name) != machine.get(name):
            got, here = told["machine"].get(name), machine.get(name)
            raise ValueError(f"{file}: its figures are of {name} {got!r}, here it is {here!r}. Name another file.")
    return dict(told)


def _write(file: Path, told: dict[str, Any]) -> None:
    with replacing(file) as temporary:
        Path(temporary).write_text(json.dumps(told, indent=1), encoding="utf-8")

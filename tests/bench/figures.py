"""A measured figure, and how to time things."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of the table. `reach` is what DESIGN's numbers ask for, "" where nothing is asked."""

    name: str
    what: str
    value: float
    unit: str
    reach: str
    how: str


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of each, run in turns, after one run of each to warm up."""
    first(), second()
    pairs = [(seconds_of(first), seconds_of(second)) for _ in range(rounds)]
    return median(p[0] for p in pairs), median(p[1] for p in pairs)

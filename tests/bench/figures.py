"""What benchmarks give: figures for the table, series for plots; and how to time things."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of the table. `reach` is what the design asks for, "" where nothing is asked.

    `floor` is the least value that operations and bytes allow on this machine, in the same unit; 0 where none is known.
    """

    name: str
    what: str
    value: float
    unit: str
    reach: str
    how: str
    floor: float = 0.0

    @property
    def reached(self) -> float | None:
        """The share of the floor's speed that is reached, 1 being the floor."""
        return self.floor / self.value if self.floor else None


@dataclass(frozen=True)
class Series:
    """Curves of one plot: each a label and points (x, y)."""

    name: str
    title: str
    x: str
    y: str
    curves: dict[str, list[tuple[float, float]]]
    log_x: bool = False


Result = Figure | Series


def seconds_of(work: Callable[[], object], processor: bool = False) -> float:
    """Wall-clock seconds of one call, or processor time: the same on one quiet thread, and less disturbed by others."""
    clock = time.process_time if processor else time.perf_counter
    start = clock()
    work()
    return clock() - start


def median_of(work: Callable[[], object], rounds: int = 5, processor: bool = False) -> float:
    """Median seconds, after one run to warm up."""
    work()
    return median(seconds_of(work, processor) for _ in range(rounds))


def in_turns(works: dict[str, Callable[[], object]], rounds: int, processor: bool = False) -> dict[str, float]:
    """Median seconds of each, run in turns, after one run of each to warm up."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds_of(work, processor))
    return {name: median(values) for name, values in times.items()}


def threads_in_words(threads: int) -> str:
    """How the times of a benchmark were taken."""
    return "one thread, processor time" if threads == 1 else f"{threads} threads"

"""Tempo and meter over time. Knows no torch and no audio."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


class TempoPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tempo and meter from `time` on. `time` counts from the source's first sample, in seconds (negative: before
    it); `bar_phase` in [0, 1) is the position in the bar there."""

    time: float
    bpm: float  # quarter notes a minute, whatever the meter
    numerator: int = 4
    denominator: int = 4
    bar_phase: float = 0.0

    @property
    def bar_quarters(self) -> float:
        """Length of one bar in quarter notes."""
        return 4.0 * self.numerator / self.denominator

    @property
    def bar_seconds(self) -> float:
        """Length of one bar in seconds."""
        return self.bar_quarters * 60.0 / self.bpm


@dataclass(frozen=True)
class TempoMap:
    """Points in order of time; constant tempo between them, the first holds before its time too."""

    points: tuple[TempoPoint, ...]

    @classmethod
    def from_points(cls, points: Iterable[Any]) -> TempoMap:
        """From mappings or objects with the names of API.md (time, bpm, numerator, denominator, bar_phase)."""
        read = [_point(p) for p in points]
        return cls(tuple(sorted(read, key=lambda p: p.time)))

    def bars_at(self, seconds: float) -> tuple[TempoPoint, float]:
        """The point that holds at `seconds`, and the position in its bars counted from a bar line."""
        times = [p.time for p in self.points]
        point = self.points[max(0, bisect.bisect_right(times, seconds + 1e-9) - 1)]
        return point, point.bar_phase + (seconds - point.time) / point.bar_seconds


def _point(value: Any) -> TempoPoint:
    get = value.get if isinstance(value, Mapping) else lambda name, default: getattr(value, name, default)
    return TempoPoint(
        time=float(get("time", 0.0)),
        bpm=float(get("bpm", 120.0)),
        numerator=int(get("numerator", 4) or 4),
        denominator=int(get("denominator", 4) or 4),
        bar_phase=float(get("bar_phase", 0.0) or 0.0),
    )

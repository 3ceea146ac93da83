"""Time to beats and back, for a project's tempo markers. Knows constant and linear segments."""

from __future__ import annotations

from .model import Tempo


class TempoMap:
    """Quarter notes (qn) against seconds; measures start again where the time signature changes."""

    def __init__(self, markers: list[Tempo]) -> None:
        self.markers = sorted(markers, key=lambda m: m.time)
        self.qn = [0.0]
        for before, after in zip(self.markers, self.markers[1:], strict=False):
            self.qn.append(self.qn[-1] + self._span(before, after, after.time - before.time))

    @staticmethod
    def _span(marker: Tempo, after: Tempo | None, seconds: float) -> float:
        if not marker.linear or after is None:
            return seconds * marker.bpm / 60
        slope = (after.bpm - marker.bpm) / (after.time - marker.time)
        return seconds * (marker.bpm + slope * seconds / 2) / 60

    def index(self, time: float) -> int:
        """The marker in force at `time`."""
        return max([i for i, m in enumerate(self.markers) if m.time <= time + 1e-9], default=0)

    def to_qn(self, time: float) -> float:
        i = self.index(time)
        after = self.markers[i + 1] if i + 1 < len(self.markers) else None
        return self.qn[i] + self._span(self.markers[i], after, time - self.markers[i].time)

    def to_time(self, qn: float) -> float:
        low, high = -1e5, 1e5
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if self.to_qn(middle) < qn else (low, middle)
        return round(high, 9)

    def bpm(self, time: float) -> float:
        i = self.index(time)
        marker = self.markers[i]
        if marker.linear and i + 1 < len(self.markers):
            after = self.markers[i + 1]
            return marker.bpm + (after.bpm - marker.bpm) * (time - marker.time) / (after.time - marker.time)
        return marker.bpm

    def _stretches(self) -> list[tuple[int, float, int, int]]:
        """(first measure, its qn, numerator, denominator) of each stretch of one signature."""
        found: list[tuple[int, float, int, int]] = []
        for marker, qn in zip(self.markers, self.qn, strict=True):
            signature = (marker.numerator, marker.denominator)
            if found and found[-1][2:] == signature:
                continue
            first = 0
            if found:
                measure, start, num, den = found[-1]
                first = measure + round((qn - start) / (num * 4 / den))
            found.append((first, qn, *signature))
        return found

    def measure_at(self, qn: float) -> tuple[int, float, int, int]:
        """(measure, its first qn, numerator, denominator) of the measure that holds `qn`."""
        first, start, num, den = [s for s in self._stretches() if s[1] <= qn + 1e-9 or s[1] == 0][-1]
        length = num * 4 / den
        count = int((qn - start + 1e-9) // length)
        return first + count, start + count * length, num, den

    def measure(self, index: int) -> tuple[float, int, int]:
        """(first qn, numerator, denominator) of a measure."""
        first, start, num, den = [s for s in self._stretches() if s[0] <= max(index, 0)][-1]
        return start + (index - first) * num * 4 / den, num, den

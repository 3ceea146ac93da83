"""Whose beat counts: Link's where we joined it, else MIDI clock's, else the DAW's while it plays, else our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from bridge.clock.own import OwnClock
from bridge.clock.timeline import Meter, Timeline


class Source(Protocol):
    """Somebody's beat."""

    name: str

    def line(self, now: float, tempo: float, meter: Meter) -> Timeline | None:
        """The beats as they are now; None while there are none. `tempo` is what is set here."""


@dataclass(frozen=True)
class Beat:
    """What a clock says at one moment: the beats, the meter, and whose they are."""

    line: Timeline
    meter: Meter
    source: str
    now: float

    @property
    def tempo(self) -> float:
        """Quarter notes a minute."""
        return self.meter.tempo(self.line.rate)

    @property
    def bars(self) -> float:
        """Bars that are over, with their fraction."""
        return self.line.beat_at(self.now) / self.meter.beats

    @property
    def bar_seconds(self) -> float:
        """How long a bar is."""
        return self.meter.beats / self.line.rate


class Clock:
    """`sources` are asked in their order; `tempo` and `meter` say what is set here."""

    def __init__(
        self,
        sources: Sequence[Source],
        tempo: Callable[[], float],
        meter: Callable[[], Meter],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.own = OwnClock()
        self._sources, self._tempo, self._meter, self.now = sources, tempo, meter, now

    def beat(self) -> Beat:
        """What it is now."""
        now, tempo, meter = self.now(), self._tempo(), self._meter()
        own = self.own.line(now, tempo, meter)  # it goes on behind the others
        for source in self._sources:
            line = source.line(now, tempo, meter)
            if line is not None:
                return Beat(line, meter, source.name, now)
        return Beat(own, meter, self.own.name, now)

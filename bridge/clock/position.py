"""A clock made of what a DAW says of where it plays. Knows no DAW.

What is told comes late, by the network and by how often the DAW speaks, and is never early: so of the last reports the
one that is furthest ahead counts most, and the others pull only a little, so that the clocks' drift is followed.
"""

from __future__ import annotations

from bridge.clock.timeline import Meter, Timeline

SILENT_SECONDS = 1.0  # a DAW that plays says so more often
JUMP_BEATS = 0.25  # somebody moved the playhead
PULL = 0.02  # how much a late report counts
RATE_SECONDS = 0.5  # between the reports that a rate is made of


class PositionClock:
    """`bar` and `beat` count from 1, as DAWs show them; `beat` with its fraction."""

    name = "daw"

    def __init__(self) -> None:
        self._line: Timeline | None = None
        self._first: tuple[float, float] | None = None  # seconds and beat of a report that the rate is made of
        self._heard = -SILENT_SECONDS
        self.rate: float | None = None  # beats a second, where the DAW tells its tempo
        self.playing = False

    def line(self, now: float, tempo: float, meter: Meter) -> Timeline | None:
        """The beats, while the DAW plays and says where."""
        fresh = now - self._heard < SILENT_SECONDS
        return self._line if self.playing and fresh else None

    def report(self, now: float, bar: float, beat: float, meter: Meter) -> None:
        """The DAW said where it is."""
        total = (bar - 1) * meter.beats + beat - 1
        self._heard = now
        rate = self.rate or self._measured(now, total)
        line = self._line
        if rate is None:
            return
        if line is None or abs(total - line.beat_at(now)) > JUMP_BEATS:
            self._line, self._first = Timeline(now, total, rate), (now, total)
            return
        late = total - line.beat_at(now)
        self._line = Timeline(now, line.beat_at(now) + late * (1.0 if late > 0 else PULL), rate)

    def _measured(self, now: float, total: float) -> float | None:
        """The rate by two reports that are some time apart; that of before until then."""
        first, known = self._first, self._line.rate if self._line else None
        if first is None or total < first[1]:
            self._first = (now, total)
            return known
        if now - first[0] < RATE_SECONDS:
            return known
        self._first = (now, total)
        return (total - first[1]) / (now - first[0]) or known

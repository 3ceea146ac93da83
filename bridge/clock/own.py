"""A clock of our own, for those who have no other: it goes by the tempo that is set, and by taps."""

from __future__ import annotations

from bridge.clock.timeline import Meter, Timeline


class OwnClock:
    """It never stops. A new tempo or meter counts from the beat that it comes in; no beat is lost or done twice."""

    name = "own"

    def __init__(self) -> None:
        self._line = Timeline(0.0, 0.0, Meter().rate(120.0))
        self._meter = Meter()

    def line(self, now: float, tempo: float, meter: Meter) -> Timeline:
        """The beats from now on, at so many quarter notes a minute."""
        rate, beat = meter.rate(tempo), self._line.beat_at(now)
        if meter != self._meter:
            bar, within = divmod(beat, self._meter.beats)
            beat, self._meter = bar * meter.beats + within, meter
            self._line = Timeline(now, beat, rate)
        elif rate != self._line.rate:
            self._line = Timeline(now, beat, rate)
        return self._line

    def tap(self, now: float) -> None:
        """Now is a beat: the nearest one."""
        self._line = self._line.moved(now, round(self._line.beat_at(now)))

    def downbeat(self, now: float) -> None:
        """Now a bar begins: the nearest one."""
        bars = round(self._line.beat_at(now) / self._meter.beats)
        self._line = self._line.moved(now, bars * self._meter.beats)

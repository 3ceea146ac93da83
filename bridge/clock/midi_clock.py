"""MIDI clock: 24 ticks a quarter note, start, continue, stop, and the song's position. Knows no port."""

from __future__ import annotations

from collections import deque
from statistics import linear_regression

from bridge.clock.timeline import Meter, Timeline

TICK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
CLOCK_BYTES = frozenset({TICK, START, CONTINUE, STOP, POSITION})
STARTING = frozenset({START, CONTINUE})
TICKS_A_QUARTER = 24
TICKS_A_SIXTEENTH = 6
KEPT = 2 * TICKS_A_QUARTER  # ticks that tempo and place are made of
SILENT_SECONDS = 0.5
FEWEST = 6


class MidiClock:
    """Fed with messages and when they came. It counts from START on; a clock that never starts has no beats."""

    name = "midi"

    def __init__(self) -> None:
        self._ticks: deque[tuple[int, float]] = deque(maxlen=KEPT)  # number and seconds
        self._next = 0
        self._running = False

    def hear(self, message: bytes, now: float) -> None:
        """One message; what is no clock's is left."""
        kind = message[0] if message else 0
        if kind == TICK and self._running:
            if self._ticks and now - self._ticks[-1][1] > SILENT_SECONDS:
                self._ticks.clear()
            self._ticks.append((self._next, now))
            self._next += 1
        elif kind in STARTING:
            self._ticks.clear()
            self._running = True
            self._next = 0 if kind == START else self._next
        elif kind == STOP:
            self._running = False
        elif kind == POSITION and len(message) == 3:
            self._ticks.clear()
            self._next = (message[1] | message[2] << 7) * TICKS_A_SIXTEENTH

    def line(self, now: float, tempo: float, meter: Meter) -> Timeline | None:
        """The beats, while ticks come."""
        if not self._running or len(self._ticks) < FEWEST or now - self._ticks[-1][1] > SILENT_SECONDS:
            return None
        slope, offset = linear_regression(*zip(*self._ticks, strict=True))  # seconds a tick, seconds of tick 0
        if slope <= 0:
            return None
        beats_a_tick = meter.note / 4.0 / TICKS_A_QUARTER
        return Timeline(offset, 0.0, beats_a_tick / slope)

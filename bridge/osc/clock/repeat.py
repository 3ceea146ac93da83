"""The last task started again every so many bars of the clock. Knows no socket and no task.

The first bar begins when the number of bars is set: of our own clock at that moment, of another one at its nearest bar.
While a job runs, a start is left out, not made up for.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.clock.clock import Clock
from bridge.clock.timeline import NEAR
from bridge.osc.controls.state import REPEAT, Controls


class Repeat:
    """`tick` is called often. `start` does the task; `may_start` says whether now is a time for it."""

    def __init__(
        self, controls: Controls, clock: Clock, start: Callable[[], None], may_start: Callable[[], bool]
    ) -> None:
        self._controls, self._clock, self._start, self._may_start = controls, clock, start, may_start
        self._began = ("", 0.0)  # whose bars, and how many were over

    def set(self) -> None:
        """The number of bars was set: count from now."""
        beat = self._clock.beat()
        own = beat.source == self._clock.own.name
        self._began = beat.source, beat.bars if own else float(round(beat.bars))

    def tick(self) -> None:
        """Start, if so many bars are over."""
        count = int(self._controls.values.get(REPEAT, 0))
        beat = self._clock.beat()
        source, began = self._began
        if not count:
            return
        if beat.source != source or beat.bars < began - 1:  # another clock, or the DAW went back
            self.set()
            return
        periods = int((beat.bars - began) / count + NEAR)
        if periods:
            self._began = source, began + periods * count
            if self._may_start():
                self._start()

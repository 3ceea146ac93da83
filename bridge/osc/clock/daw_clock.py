"""What a DAW tells of its playhead, made a clock: REAPER says bar, beat and hundredths."""

from __future__ import annotations

import re
from collections.abc import Callable

from bridge.clock.position import PositionClock
from bridge.osc.controls.state import Controls

_POSITION = re.compile(r"(-?\d{1,7})\.(\d{1,3})\.(\d{2})")


class DawClock:
    """`at` is given each text that tells a position; `state` what the DAW's state is now."""

    def __init__(self, clock: PositionClock, controls: Controls, now: Callable[[], float]) -> None:
        self._clock, self._controls, self._now = clock, controls, now

    def state(self) -> None:
        """Tempo or play state may be others."""
        daw, meter = self._controls.daw, self._controls.meter()
        self._clock.rate = meter.rate(daw.tempo) if daw.tempo else None
        self._clock.playing = daw.playing

    def at(self, text: str) -> None:
        """A position, such as 12.3.50; another text is none."""
        place = _place(text)
        if place is not None:
            self.state()
            self._clock.report(self._now(), *place, self._controls.meter())


def _place(text: str) -> tuple[int, float] | None:
    """Bar and beat, both from 1."""
    found = _POSITION.fullmatch(text)
    return (int(found[1]), int(found[2]) + int(found[3]) / 100) if found else None

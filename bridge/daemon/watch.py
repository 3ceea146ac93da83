"""Whether an engine process lives and gets on. Knows clocks and processor time; no socket and no job.

A process that is slow is never taken for one that hangs: what hangs makes no step for many times its longest step so
far, and uses no processor meanwhile. Time in which this daemon itself stood still (a machine asleep, SIGSTOP) counts
for nothing: afterwards it listens first.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

STEPS_WITHOUT_ONE = 30.0  # as many times its longest step so far may a job take for the next one
IDLE_SHARE = 0.02  # of one processor: below it nothing is computed
AWAY_SECONDS = 2.0  # the daemon looks ten times a second; a longer gap is its own

Clock = Callable[[], float]
ProcessorSeconds = Callable[[int], float]


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used; 0.0 where that cannot be told."""
    try:
        used = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)


class Watch:
    """One process, from its start on. `stall_seconds` without a step are always allowed."""

    def __init__(
        self, stall_seconds: float, clock: Clock = time.monotonic, used: ProcessorSeconds = processor_seconds
    ) -> None:
        self._stall_seconds, self._clock, self._used = stall_seconds, clock, used
        self._heard_at = self._looked_at = self._advanced_at = clock()
        self._longest = 0.0
        self._sample: tuple[float, float] | None = None  # when, and the processor time used by then

    def heard(self) -> None:
        """The process said something."""
        self._heard_at = self._clock()

    def looked(self) -> None:
        """The daemon has looked for news; a long gap since the last look was its own."""
        now = self._clock()
        away = now - self._looked_at
        if away > AWAY_SECONDS:
            self._heard_at = min(now, self._heard_at + away)
            self._advanced_at = min(now, self._advanced_at + away)
            self._sample = None
        self._looked_at = now

    def begin(self) -> None:
        """A job begins."""
        self._advanced_at, self._longest, self._sample = self._clock(), 0.0, None

    def advanced(self) -> None:
        """The job has got on."""
        now = self._clock()
        self._longest = max(self._longest, now - self._advanced_at)
        self._advanced_at, self._sample = now, None

    def silent_seconds(self) -> float:
        """Since it last said anything."""
        return self._clock() - self._heard_at

    def stalled_seconds(self) -> float:
        """Since its job last got on."""
        return self._clock() - self._advanced_at

    def hangs(self, pid: int) -> bool:
        """Whether its job stands still: no step for long, and for `stall_seconds` of that no processor time."""
        if self.stalled_seconds() < max(self._stall_seconds, STEPS_WITHOUT_ONE * self._longest):
            return False
        now, used = self._clock(), self._used(pid)
        if self._sample is None or used - self._sample[1] > IDLE_SHARE * max(now - self._sample[0], 1.0):
            self._sample = (now, used)
            return False
        return now - self._sample[0] >= self._stall_seconds

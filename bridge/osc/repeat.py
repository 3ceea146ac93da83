"""The last task started again every so many bars, on a clock of its own. Knows no socket and no task.

The first bar begins when the number of bars is set. While a job runs, a start is left out, not made up for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic

from bridge.osc.state import REPEAT, Controls


class Repeat:
    """Run `run` as a task. `start` does the task; `may_start` says whether now is a time for it."""

    def __init__(self, controls: Controls, start: Callable[[], None], may_start: Callable[[], bool]) -> None:
        self._controls, self._start, self._may_start = controls, start, may_start
        self._woken = asyncio.Event()
        self._began = monotonic()

    def set(self) -> None:
        """The number of bars was set: count from now."""
        self._began = monotonic()
        self._woken.set()

    async def run(self) -> None:
        """Count, for ever."""
        while True:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_left()):
                    await self._woken.wait()
                continue
            self._began += self._period_seconds()
            if self._may_start():
                self._start()

    def _period_seconds(self) -> float:
        return int(self._controls.values.get(REPEAT, 0)) * self._controls.bar_seconds()

    def _seconds_left(self) -> float | None:
        period = self._period_seconds()
        return max(self._began + period - monotonic(), 0.0) if period else None

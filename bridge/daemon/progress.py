"""Where a running job is: stage, step, share of the whole, remaining time. Knows no socket and no engine."""

from __future__ import annotations

import time
from collections.abc import Callable

# Where each stage begins in the whole job and where it ends; measured on nano, near enough elsewhere.
_STAGES = {
    "load": (0.0, 0.0),
    "prepare": (0.0, 0.02),
    "encode": (0.02, 0.08),
    "denoise": (0.08, 0.85),
    "decode": (0.85, 0.96),
    "effects": (0.95, 0.96),
    "seam": (0.96, 0.98),
    "write": (0.98, 1.0),
}
_ENOUGH = 0.1


class Progress:
    """The progress of one run of a job."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._begun_share = 0.0
        self.stage = ""
        self.step = 0
        self.steps = 0
        self.share = 0.0
        self.seconds_per_step = 0.0
        self._last = clock()
        self.cancelling = False

    def advance(self, stage: str, step: int, steps: int) -> None:
        """Note that `step` of `steps` of `stage` are done. The share never falls."""
        now = self._clock()
        if stage != "load" and self._begun is None:
            self._begun, self._begun_share = now, _STAGES.get(stage, (self.share, 1.0))[0]
        if stage == self.stage and step > self.step:
            self.seconds_per_step = (now - self._last) / (step - self.step)
        self.stage, self.step, self.steps, self._last = stage, step, steps, now
        start, end = _STAGES.get(stage, (self.share, self.share))
        share = start + (end - start) * min(1.0, step / steps if steps else 0.0)
        self.share = max(self.share, share)

    def remaining_seconds(self) -> float | None:
        """Seconds left, by the pace so far; None until it can be told."""
        done = self.share - self._begun_share
        if self._begun is None or done < _ENOUGH:
            return None
        spent = self._last - self._begun
        left = spent * (1 - self.share) / done - (self._clock() - self._last)
        return round(max(0.0, left), 2)

"""Where a training run is between its start and its end, by steps or by the clock, and the rates there."""

from __future__ import annotations

import time
from typing import Protocol

import torch
from torch import nn


class Rates(Protocol):
    """What a plan says about its rates."""

    @property
    def muon_rate(self) -> float:
        """Muon's, at full height."""

    @property
    def adam_rate(self) -> float:
        """AdamW's, at full height."""

    @property
    def decay_from(self) -> float:
        """The share of the run after which both fall to a hundredth, in a straight line."""


class Clock(nn.Module):
    """Seconds and samples of training so far, kept with the snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seconds", torch.zeros((), dtype=torch.float64))
        self.register_buffer("samples", torch.zeros((), dtype=torch.int64))
        self._started = time.monotonic()

    def start(self) -> None:
        """Count from now, on top of what was counted before."""
        self._started = time.monotonic() - float(self.get_buffer("seconds"))

    def stop(self) -> None:
        """Put the seconds into what is kept; counting goes on."""
        self.get_buffer("seconds").fill_(time.monotonic() - self._started)

    def count(self, samples: int) -> None:
        """So many samples more were seen."""
        self.get_buffer("samples").add_(samples)

    def share(self, minutes: float | None, step: int, steps: int) -> float:
        """The share of the run that is done: of the minutes where they are given, else of the steps."""
        return step / steps if minutes is None else (time.monotonic() - self._started) / (60.0 * minutes)


def set_rates(plan: Rates, step: int, done: float, muon: torch.optim.Optimizer, adam: torch.optim.Optimizer) -> None:
    """A hundred steps of rising, then full height, then a straight fall."""
    fall = 1.0 if done < plan.decay_from else max(0.01, (1.0 - done) / (1.0 - plan.decay_from))
    scale = min(1.0, (step + 1) / 100) * fall
    muon.param_groups[0]["lr"] = plan.muon_rate * scale
    for group in adam.param_groups:
        group["lr"] = plan.adam_rate * scale * group.get("share", 1.0)

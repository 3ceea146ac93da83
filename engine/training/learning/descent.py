"""The loop of a network trained with Muon and AdamW: rates by a plan, snapshots on the way. Knows no data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.training.learning.muon import split_optimizers
from engine.training.learning.progress import Progress
from engine.training.learning.schedule import Clock, Rates, set_rates
from engine.training.learning.snapshots import load_snapshot, save_snapshot

Losses = Callable[[int], Mapping[str, Tensor]]  # step -> "loss", and what else is to be shown


class Plan(Rates, Protocol):
    """A plan's length and seed, beside its rates."""

    @property
    def steps(self) -> int:
        """Steps of the whole run."""

    @property
    def minutes(self) -> float | None:
        """With minutes the schedule follows the clock."""

    @property
    def seed(self) -> int:
        """Of what is drawn."""


def descend(
    model: nn.Module, out: Path, plan: Plan, begin: Callable[[int], Losses], progress: Progress, save_every: int
) -> nn.Module:
    """Train `model` to the plan's end, going on from `out`'s snapshot; `begin(step)` gives what makes the losses."""
    muon, adam = split_optimizers(model, plan.muon_rate, plan.adam_rate)
    clock = Clock()
    parts = {"model": model, "muon": muon, "adam": adam, "clock": clock}
    step = load_snapshot(out, **parts)
    losses = begin(step)
    torch.manual_seed(plan.seed + step)
    clock.start()
    while (done := clock.share(plan.minutes, step, plan.steps)) < 1.0:
        set_rates(plan, step, done, muon, adam)
        values = losses(step)
        values["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in (muon, adam):
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        progress.step(step, plan.steps, {**{name: value.item() for name, value in values.items()}, "done": done})
        if step % save_every == 0:
            clock.stop()
            save_snapshot(out, step, **parts)
    clock.stop()
    save_snapshot(out, step, **parts)
    return model.eval()

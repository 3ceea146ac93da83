"""The one loop in which nano's networks are trained, with Muon and AdamW: rates by a plan, snapshots on the way.

Knows no data and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.training.learning.muon import split_optimizers
from engine.training.learning.schedule import Clock, Rates, set_rates
from engine.training.learning.snapshots import load_snapshot, save_snapshot
from engine.training.progress import Progress

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


def _nothing(step: int) -> None:
    pass


@dataclass(frozen=True)
class Course:
    """What differs between networks: `begin(step, clock)` gives what makes the losses from there on.

    `slow` are the parts that learn slowly (see `split_optimizers`); `limits_muon`: whether the gradients' norm is
    limited over all weights, or over AdamW's alone; `kept` goes into the snapshot beside the model.
    """

    begin: Callable[[int, Clock], Losses]
    slow: tuple[str, ...] = ()
    limits_muon: bool = True
    kept: Mapping[str, nn.Module] = field(default_factory=dict)
    after_step: Callable[[int], None] = _nothing
    after_save: Callable[[int], None] = _nothing


def descend(model: nn.Module, out: Path, plan: Plan, course: Course, progress: Progress, save_every: int) -> nn.Module:
    """Train `model` to the plan's end, going on from `out`'s snapshot."""
    muon, adam = split_optimizers(model, plan.muon_rate, plan.adam_rate, *course.slow)
    clock = Clock()
    parts: dict[str, Any] = {"model": model, **course.kept, "muon": muon, "adam": adam, "clock": clock}
    step = load_snapshot(out, **parts)
    losses = course.begin(step, clock)
    limited = list(model.parameters()) if course.limits_muon else adam.param_groups[0]["params"]
    torch.manual_seed(plan.seed + step)
    clock.start()
    while (done := clock.share(plan.minutes, step, plan.steps)) < 1.0:
        set_rates(plan, step, done, muon, adam)
        values = losses(step)
        values["loss"].backward()
        nn.utils.clip_grad_norm_(limited, 1.0)
        for optimizer in (muon, adam):
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        course.after_step(step)
        progress.step(step, plan.steps, {**{name: value.item() for name, value in values.items()}, "done": done})
        if step % save_every == 0:
            clock.stop()
            save_snapshot(out, step, **parts)
            course.after_save(step)
    clock.stop()
    save_snapshot(out, step, **parts)
    return model.eval()

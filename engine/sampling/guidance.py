"""Classifier-free guidance: how predictions under several conditions become one velocity.

All predictions are (B, C, H, T); each item is guided on its own. Knows no network, no schedule of noise and no task.
Sources: APG is arXiv 2410.02416, CFG-Zero* is arXiv 2503.18886.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import torch
from torch import Tensor

APG_MOMENTUM = -0.75
APG_NORM_LIMIT = 2.5
ZERO_STAR_STEPS = 1


class Pass(Enum):
    """A condition under which the model is asked."""

    CONDITIONAL = "conditional"
    UNCONDITIONAL = "unconditional"
    TEXT_ONLY = "text_only"


@dataclass(frozen=True)
class GuidanceSettings:
    """A request's guidance. `tag_scale` and `lyric_scale` are used where `double` is set, else `scale`."""

    kind: str = "apg"
    scale: float = 15.0
    minimum_scale: float = 3.0
    interval: float = 0.5
    interval_decay: float = 0.0
    double: bool = False
    tag_scale: float = 5.0
    lyric_scale: float = 1.5

    @property
    def is_on(self) -> bool:
        """Whether guidance does anything: a scale of 0 or 1 turns all of it off."""
        return self.scale not in (0.0, 1.0)


def interval_of(settings: GuidanceSettings, number_of_steps: int) -> tuple[int, int]:
    """Guided steps [start, end), around the middle. int() and the order of evaluation are the reference's."""
    start = int(number_of_steps * (1 - settings.interval) / 2)
    end = int(number_of_steps * (settings.interval / 2 + 0.5))
    return start, end


def scale_at(settings: GuidanceSettings, number_of_steps: int, index: int) -> float | None:
    """The guidance scale of evaluation `index`, or None where it is not guided.

    An interval of a single step has no room to decay and uses the full scale.
    """
    start, end = interval_of(settings, number_of_steps)
    if not settings.is_on or not start <= index < end:
        return None
    if settings.interval_decay <= 0 or end - start <= 1:
        return settings.scale
    progress = (index - start) / (end - start - 1)
    return settings.scale - (settings.scale - settings.minimum_scale) * progress * settings.interval_decay


@dataclass
class Momentum:
    """Running average of APG's differences: avg = diff + momentum * avg."""

    momentum: float = APG_MOMENTUM
    average: Tensor | None = None

    def update(self, difference: Tensor) -> Tensor:
        """Take in a difference and return the new average."""
        if self.average is None:
            self.average = difference
        else:
            self.average = difference + self.momentum * self.average
        return self.average


def project(vector: Tensor, onto: Tensor) -> tuple[Tensor, Tensor]:
    """Parts of `vector` parallel and orthogonal to `onto`, over height and time of each channel."""
    length = onto.norm(dim=(-1, -2), keepdim=True).clamp_min(1e-12)
    direction = onto / length
    parallel = (vector * direction).sum(dim=(-1, -2), keepdim=True) * direction
    return parallel, vector - parallel


def apg(
    cond: Tensor, uncond: Tensor, scale: float, momentum: Momentum | None = None, limit: float = APG_NORM_LIMIT
) -> Tensor:
    """Adaptive projected guidance: only what is orthogonal to the conditional prediction is amplified."""
    difference = cond - uncond
    if momentum is not None:
        difference = momentum.update(difference)
    if limit > 0:
        length = difference.norm(dim=(-1, -2), keepdim=True)
        difference = difference * (limit / length.clamp_min(1e-12)).clamp_max(1.0)
    _, orthogonal = project(difference, cond)
    return cond + (scale - 1.0) * orthogonal


def cfg(cond: Tensor, uncond: Tensor, scale: float) -> Tensor:
    """Plain guidance: u + s (c - u)."""
    return uncond + scale * (cond - uncond)


def star_alpha(cond: Tensor, uncond: Tensor) -> Tensor:
    """The unconditional prediction's best scale for each item: <c, u> / (|u|^2 + 1e-8), (B, 1, 1, 1)."""
    dims = (1, 2, 3)
    dot = (cond * uncond).sum(dim=dims, keepdim=True)
    return dot / (uncond.square().sum(dim=dims, keepdim=True) + 1e-8)


def cfg_star(cond: Tensor, uncond: Tensor, scale: float, index: int) -> Tensor:
    """CFG-Zero*: scaled unconditional prediction, and nothing at all in the first two evaluations."""
    if index <= ZERO_STAR_STEPS:
        return torch.zeros_like(cond)
    scaled = uncond * star_alpha(cond, uncond)
    return scaled + scale * (cond - scaled)


def double_condition(cond: Tensor, uncond: Tensor, text_only: Tensor, tag_scale: float, lyric_scale: float) -> Tensor:
    """Tags and lyrics guided apart: (1 - s_t) u + (s_t - s_l) text_only + s_l c."""
    return (1 - tag_scale) * uncond + (tag_scale - lyric_scale) * text_only + lyric_scale * cond


@dataclass
class Guide:
    """Guidance of one run: which passes an evaluation needs, and how they are combined.

    `number_of_steps` is what the interval counts in. `lyrics_matter` is False where there are none: then the
    text-only pass would equal the conditional one and is not made.
    """

    settings: GuidanceSettings
    number_of_steps: int
    lyrics_matter: bool = True
    momentum: Momentum | None = field(default_factory=Momentum)

    def scale(self, index: int) -> float | None:
        """The scale of evaluation `index`, None where unguided."""
        return scale_at(self.settings, self.number_of_steps, index)

    def passes(self, index: int) -> tuple[Pass, ...]:
        """The conditions that evaluation `index` needs, the conditional one first."""
        if self.scale(index) is None:
            return (Pass.CONDITIONAL,)
        if self.settings.double and self.lyrics_matter:
            return (Pass.CONDITIONAL, Pass.UNCONDITIONAL, Pass.TEXT_ONLY)
        return (Pass.CONDITIONAL, Pass.UNCONDITIONAL)

    def combine(self, predictions: dict[Pass, Tensor], index: int) -> Tensor:
        """One velocity out of the predictions of `passes(index)`."""
        cond, scale, settings = predictions[Pass.CONDITIONAL], self.scale(index), self.settings
        if scale is None:
            return cond
        uncond = predictions[Pass.UNCONDITIONAL]
        if settings.double:
            text_only = predictions.get(Pass.TEXT_ONLY, cond)
            return double_condition(cond, uncond, text_only, settings.tag_scale, settings.lyric_scale)
        if settings.kind == "cfg":
            return cfg(cond, uncond, scale)
        if settings.kind == "cfg_star":
            return cfg_star(cond, uncond, scale, index)
        return apg(cond, uncond, scale, self.momentum)

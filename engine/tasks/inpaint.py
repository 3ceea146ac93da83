"""Inpaint: the masked frames from noise, the others from the source at every step. Knows plans; knows no audio.

         n_min steps are not made            the rest
sigma  1 ...................|-------------------------------> 0
                            start: the source, noised to here; the more variance, the earlier
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.requests import Inpaint
from engine.sampling.conditions import Known
from engine.sampling.denoise import Kept, Leg, Plan, noised
from engine.sampling.noise import mix_noise
from engine.sampling.schedulers import make_stepper
from engine.sampling.schedules import Stage
from engine.tasks.inputs import Inputs
from engine.tasks.task import Material, Task
from engine.tasks.text_to_audio import guided_velocity


@dataclass(frozen=True)
class Region:
    """The source's latents (1 or B, C, H, T) float32, and the frames that are regenerated, bool (T,)."""

    source: Tensor
    mask: Tensor


def prepare(inputs: Inputs, region: Region) -> Plan:
    """The plan of inpaint. Variance 0 makes no step and gives the source back."""
    noise = inputs.first_noise()
    retake_noise = inputs.first_retake_noise()
    mixed = mix_noise(noise, retake_noise, inputs.settings.variance)
    mask = region.mask.to(inputs.device)[None, None, None]
    return repaint(inputs, region, torch.where(mask, mixed, noise))


def repaint(inputs: Inputs, region: Region, noise: Tensor) -> Plan:
    """Start from the source noised to the first level that is used, keep it outside the mask."""
    settings = inputs.settings
    source = region.source.to(inputs.device).expand_as(noise)
    stages = remaining_stages(
        settings.schedule(inputs.model.levels), skipped_levels(settings.levels, settings.variance)
    )
    mask = region.mask.to(inputs.device)[None, None, None]
    if not stages:
        return Plan(source.clone(), ())
    leg = Leg(
        stages,
        guided_velocity(inputs, settings.levels, counts_steps=True, known=Known(source, mask)),
        make_stepper(settings.scheduler, inputs.noise),
    )
    return Plan(noised(source, noise, stages[0].sigma), (leg,), Kept(mask, source, noise))


def skipped_levels(levels: int, variance: float) -> int:
    """Noise levels that are not walked: int(N (1 - v)), in Python's floats, as the reference."""
    return int(levels * (1 - variance))


def remaining_stages(stages: tuple[Stage, ...], skipped: int) -> tuple[Stage, ...]:
    """Stages from the noise level number `skipped` on, not beginning with a correction of a step before it."""
    rest = tuple(s for s in stages if s.step >= skipped)
    return rest[1:] if rest and rest[0].corrects else rest


def plan(inputs: Inputs, material: Material | None) -> Plan:
    """The plan of one window."""
    assert material is not None and material.mask is not None
    return prepare(inputs, Region(material.latents, material.mask))


TASK = Task(Inpaint, plan, "joined")

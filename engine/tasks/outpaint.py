"""Outpaint: inpaint of empty frames before and after the source. Knows plans; knows no audio."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.requests import Outpaint
from engine.sampling.denoise import Plan
from engine.tasks import inpaint
from engine.tasks.inpaint import Region, repaint
from engine.tasks.inputs import Inputs
from engine.tasks.task import Material, Task


@dataclass(frozen=True)
class Extension:
    """The source's latents (1 or B, C, H, T), empty frames around them, and what is generated, bool (all frames,)."""

    source: Tensor
    frames_before: int
    frames_after: int
    mask: Tensor


def prepare(inputs: Inputs, extension: Extension) -> Plan:
    """The plan of outpaint.

    The new frames' noise is the retake noise's first frames on the left and last ones on the right. It is drawn as
    long as the source, as the reference draws it, or longer where that does not suffice.
    """
    before, after = extension.frames_before, extension.frames_after
    known = extension.source.shape[-1]
    retake_noise = inputs.first_retake_noise(max(known, before + after))
    right = retake_noise[..., retake_noise.shape[-1] - after :]
    noise = torch.cat([retake_noise[..., :before], inputs.first_noise(), right], dim=-1)
    source = F.pad(extension.source, (before, after))
    return repaint(inputs, Region(source, extension.mask), noise)


def plan(inputs: Inputs, material: Material | None) -> Plan:
    """The plan of one window; what is so short that the last frame holds it needs no empty ones."""
    assert material is not None and material.mask is not None
    if not (material.frames_before or material.frames_after):
        return inpaint.plan(inputs, material)
    return prepare(inputs, Extension(material.latents, material.frames_before, material.frames_after, material.mask))


TASK = Task(Outpaint, plan, "joined")

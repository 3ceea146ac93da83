"""Lego: one more instrument for a region, from noise, with the source shown everywhere. Knows plans; knows no audio.

Nothing of the source is kept in what is made: the result is the instrument alone.
"""

from __future__ import annotations

from engine.requests import Lego
from engine.sampling.conditions import Known
from engine.sampling.denoise import Plan
from engine.tasks.inputs import Inputs
from engine.tasks.task import Material, Task
from engine.tasks.text_to_audio import from_noise


def plan(inputs: Inputs, material: Material | None) -> Plan:
    """The plan of a window whose mask says where the instrument is wanted."""
    assert material is not None and material.mask is not None
    noise = inputs.first_noise()
    source = material.latents.to(inputs.device).expand_as(noise)
    return from_noise(inputs, noise, Known(source, material.mask.to(inputs.device)[None, None, None]))


TASK = Task(Lego, plan, "stem")

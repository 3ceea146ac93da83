"""Extract: one instrument of the source, from noise, with the source shown. Knows plans; knows no audio."""

from __future__ import annotations

from engine.requests import Extract
from engine.sampling.conditions import Known
from engine.sampling.denoise import Plan
from engine.tasks.inputs import Inputs
from engine.tasks.task import Material, Task
from engine.tasks.text_to_audio import from_noise


def plan(inputs: Inputs, material: Material | None) -> Plan:
    """The plan of a whole source."""
    assert material is not None
    noise = inputs.first_noise()
    return from_noise(inputs, noise, Known(material.latents.to(inputs.device).expand_as(noise)))


TASK = Task(Extract, plan, "source")

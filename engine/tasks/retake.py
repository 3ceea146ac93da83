"""Retake: text-to-audio from a noise turned towards another by the variance. Knows plans; knows no audio."""

from __future__ import annotations

from engine.requests import Retake
from engine.sampling.denoise import Plan
from engine.sampling.noise import mix_noise
from engine.tasks.inputs import Inputs
from engine.tasks.task import Task
from engine.tasks.text_to_audio import from_noise


def prepare(inputs: Inputs) -> Plan:
    """The plan of retake: variance 0 repeats the first take, 1 is another one."""
    noise = inputs.first_noise()
    return from_noise(inputs, mix_noise(noise, inputs.first_retake_noise(), inputs.settings.variance))


TASK = Task(Retake, lambda inputs, _: prepare(inputs))

"""What a task is: its request, the plan that it makes for the sampler, and how what comes out is finished.

request type    what the user gives, and what it covers (`engine.requests.extent`)
plan            from inputs (words, noise, settings) and material (the source's latents) to a `Plan`
finish          "piece": as made; "source": cut to the source's length; "joined": in the source, with fades; "stem": its
                region alone, with fades
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.requests import Request

if TYPE_CHECKING:
    from torch import Tensor

    from engine.sampling.conditions import Words
    from engine.sampling.denoise import Plan
    from engine.tasks.inputs import Inputs

Finish = Literal["piece", "source", "joined", "stem"]


@dataclass(frozen=True)
class Material:
    """What a plan is made from beside words and noise: latents of the source (1, C, H, T) with empty frames around
    them, what is generated, bool (all frames,), and the words of what is there.
    """

    latents: Tensor
    frames_before: int = 0
    frames_after: int = 0
    mask: Tensor | None = None
    original_words: Callable[[], Words] | None = None


MakePlan = Callable[["Inputs", "Material | None"], "Plan"]


def _nothing(inputs: Inputs, material: Material | None) -> Plan:
    raise NotImplementedError("This task is rendered as another one.")


@dataclass(frozen=True)
class Task:
    """A task. One that is rendered as another has `becomes`, which gives that request and what to tell the user."""

    request: type[Request]
    plan: MakePlan = _nothing
    finish: Finish = "piece"
    becomes: Callable[[Any], tuple[Request, tuple[str, ...]]] | None = None

    @property
    def name(self) -> str:
        """As users write it."""
        return self.request.task

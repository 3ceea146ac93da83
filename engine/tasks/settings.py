"""What a task's plan is made of, apart from audio and words. Knows resolved requests; knows no network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.errors import InvalidRequest
from engine.requests.resolve import Resolved, variance_of
from engine.sampling.conditions import ErgSettings, NoiseLevels
from engine.sampling.guidance import GuidanceSettings
from engine.sampling.schedules import HIGHEST_SIGMA, Stage, get_schedule
from engine.sampling.steppers import granularity_factor


@dataclass(frozen=True)
class EditRange:
    """Flow-edit: shares of the steps before editing begins and after which only the target counts; draws a step."""

    n_min: float = 0.0
    n_max: float = 1.0
    n_avg: int = 1


@dataclass(frozen=True)
class Settings:
    """How a run samples. `variance` is retake's, inpaint's and outpaint's; `strength` and `edit` audio-to-audio's."""

    scheduler: str = "euler"
    number_of_steps: int = 27
    granularity_scale: float = 10.0
    oss_steps: tuple[int, ...] = ()
    guidance: GuidanceSettings = field(default_factory=GuidanceSettings)
    erg: ErgSettings = field(default_factory=ErgSettings)
    variance: float = 0.5
    strength: float = 0.5
    edit: EditRange = field(default_factory=EditRange)

    @property
    def factor(self) -> float:
        """What the granularity scale multiplies deviations by."""
        return granularity_factor(self.granularity_scale)

    @property
    def levels(self) -> int:
        """Noise levels of a run; steps are counted in them, guidance intervals too."""
        return len(self.oss_steps) or self.number_of_steps

    def schedule(
        self, levels: NoiseLevels, highest: float = HIGHEST_SIGMA, number_of_steps: int | None = None
    ) -> tuple[Stage, ...]:
        """Every evaluation of a run down a family's noise levels."""
        steps = self.number_of_steps if number_of_steps is None else number_of_steps
        return get_schedule(levels.sigmas(steps, highest, self.oss_steps), self.scheduler == "heun")


def settings_of(resolved: Resolved) -> Settings:
    """The settings of a resolved request. Raises `InvalidRequest` for what the schedulers cannot do together."""
    r: Any = resolved.request
    oss = tuple(getattr(r, "oss_steps", None) or ())
    if oss and r.scheduler == "heun":
        raise InvalidRequest(
            "oss_steps", "a list, with scheduler heun", "oss_steps with euler or pingpong", "Choose another scheduler."
        )
    return Settings(
        scheduler=r.scheduler,
        number_of_steps=r.number_of_steps,
        granularity_scale=r.granularity_scale,
        oss_steps=oss,
        guidance=GuidanceSettings(
            kind=r.guidance_type,
            scale=r.guidance_scale,
            minimum_scale=r.minimum_guidance_scale,
            interval=r.guidance_interval,
            interval_decay=r.guidance_interval_decay,
            double=resolved.double_guidance,
            tag_scale=r.tag_guidance_scale,
            lyric_scale=r.lyric_guidance_scale,
        ),
        erg=ErgSettings(r.erg_tag, r.erg_lyric, r.erg_diffusion),
        variance=variance_of(r),
        strength=getattr(r, "strength", 0.5),
        edit=EditRange(getattr(r, "edit_n_min", 0.0), getattr(r, "edit_n_max", 1.0), getattr(r, "edit_n_avg", 1)),
    )

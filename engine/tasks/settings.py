"""What a task's plan is made of, apart from audio and words. Knows resolved requests; knows no network."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import InvalidRequest
from engine.requests.resolve import Resolved
from engine.sampling.conditions import ErgSettings, NoiseLevels
from engine.sampling.guidance import GuidanceSettings
from engine.sampling.schedulers import SCHEDULERS
from engine.sampling.schedules import HIGHEST_SIGMA, Stage
from engine.sampling.steppers import granularity_factor


@dataclass(frozen=True)
class EditRange:
    """Flow-edit: shares of the steps before editing begins and after which only the target counts; draws a step."""

    n_min: float = 0.0
    n_max: float = 1.0
    n_avg: int = 1


@dataclass(frozen=True)
class Settings:
    """How a run samples. `variance` is retake's, inpaint's and outpaint's; `edit_mode`, `strength` and `edit`
    audio-to-audio's."""

    scheduler: str = "euler"
    number_of_steps: int = 27
    granularity_scale: float = 10.0
    oss_steps: tuple[int, ...] = ()
    guidance: GuidanceSettings = field(default_factory=GuidanceSettings)
    erg: ErgSettings = field(default_factory=ErgSettings)
    variance: float = 0.5
    edit_mode: str = "remix"
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
        return SCHEDULERS[self.scheduler].stages(levels.sigmas(steps, highest, self.oss_steps))


def settings_of(resolved: Resolved) -> Settings:
    """The settings of a resolved request. Raises `InvalidRequest` for what its scheduler cannot do."""
    if resolved.oss_steps and not SCHEDULERS[resolved.scheduler].takes_chosen_steps:
        able = [row.name for row in SCHEDULERS.values() if row.takes_chosen_steps]
        raise InvalidRequest(
            "oss_steps",
            f"a list, with scheduler {resolved.scheduler}",
            f"oss_steps with {' or '.join(able)}",
            "Choose another scheduler.",
        )
    return Settings(
        scheduler=resolved.scheduler,
        number_of_steps=resolved.number_of_steps,
        granularity_scale=resolved.granularity_scale,
        oss_steps=tuple(resolved.oss_steps or ()),
        guidance=guidance_of(resolved),
        erg=ErgSettings(resolved.erg_tag, resolved.erg_lyric, resolved.erg_diffusion),
        variance=resolved.variance,
        edit_mode=resolved.edit_mode,
        strength=resolved.strength,
        edit=EditRange(resolved.edit_n_min, resolved.edit_n_max, resolved.edit_n_avg),
    )


def guidance_of(resolved: Resolved) -> GuidanceSettings:
    """The guidance of a resolved request."""
    return GuidanceSettings(
        kind=resolved.guidance_type,
        scale=resolved.guidance_scale,
        minimum_scale=resolved.minimum_guidance_scale,
        interval=resolved.guidance_interval,
        interval_decay=resolved.guidance_interval_decay,
        double=resolved.double_guidance,
        tag_scale=resolved.tag_guidance_scale,
        lyric_scale=resolved.lyric_guidance_scale,
    )

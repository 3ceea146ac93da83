"""A request with nothing left open: what is rendered. Every field has its value or None; nothing is `UNSET`.

Fields have the names and meanings of `engine.requests.types` and `shared_fields`; those that a task does not have keep
the values here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from msgspec import UNSET

from engine.grid.tempo_map import TempoMap, TempoPoint
from engine.requests.check import parse_meter
from engine.requests.types import Request


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The fields of all tasks. `request` holds the same values in the form of reports and recipes."""

    request: Request

    number_of_steps: int
    seed: int
    retake_seed: int
    scheduler: str
    guidance_type: str
    granularity_scale: float
    guidance_interval: float
    guidance_interval_decay: float
    guidance_scale: float
    minimum_guidance_scale: float
    tag_guidance_scale: float
    lyric_guidance_scale: float
    erg_tag: bool
    erg_lyric: bool
    erg_diffusion: bool
    oss_steps: list[int] | None = None
    shift: float | None = None

    variations: int
    candidates: int
    sample_rate: int | None = None
    bit_depth: str | None = None
    format: str
    lora: list[str] | None = None
    lora_weight: list[float] | None = None

    tags: str = ""
    lyrics: str = ""
    context_lyrics_before: str = ""
    context_lyrics_after: str = ""
    original_tags: str = ""
    original_lyrics: str = ""
    language: str | None = None
    key: str | None = None
    tempo: float | None = None
    meter: str | None = None
    downbeat_time: float = 0.0
    tempo_map: list[TempoPoint] | None = None

    audio: Any = None
    reference_audio: Any = None
    channels: list[int] | None = None
    duration: float = 0.0
    start_time: float = 0.0
    start_time_relative_to: str = "start"
    end_time: float | None = None
    end_time_relative_to: str = "start"
    extend_before_duration: float = 0.0
    extend_after_duration: float = 0.0
    context_seconds: float | None = None
    crossfade_seconds: float = 0.0
    joint_search_seconds: float = 0.0
    pin_joints: bool = False
    match_tempo: str = "off"
    match_loudness: bool = False
    match_tone: bool = False
    reuse_latents: bool = False
    output: str = "full"
    effects: list[Any] | None = None
    effects_tail: bool = False
    variance: float = 0.0
    edit_mode: str = ""
    strength: float = 0.5
    edit_n_min: float = 0.0
    edit_n_max: float = 1.0
    edit_n_avg: int = 1
    track: str = ""
    tracks: list[str] | None = None

    @property
    def task(self) -> str:
        """The task's name."""
        return type(self.request).task

    @property
    def all_lyrics(self) -> str:
        """The lyrics with those of the context around them."""
        parts = (self.context_lyrics_before, self.lyrics, self.context_lyrics_after)
        return "\n".join(part for part in parts if part)

    @property
    def tempo_over_time(self) -> TempoMap | None:
        """The tempo map, a single tempo as one point; None where neither is given."""
        if self.tempo_map is not None:
            return TempoMap.from_points(self.tempo_map)
        if self.tempo is None:
            return None
        numerator, denominator = (4, 4) if self.meter is None else parse_meter(self.meter)
        return TempoMap((TempoPoint(self.downbeat_time, self.tempo, numerator, denominator),))

    @property
    def loras(self) -> list[tuple[str, float]]:
        """Each LoRA with its weight."""
        names = self.lora or []
        return list(zip(names, self.lora_weight or [1.0] * len(names), strict=True))


_NAMES = tuple(field.name for field in fields(Settled) if field.name != "request")


def settled_fields(full: Request) -> dict[str, Any]:
    """The fields of `Settled` that a request with its defaults filled in has a value for."""
    values = {name: getattr(full, name, UNSET) for name in _NAMES}
    return {"request": full, **{name: value for name, value in values.items() if value is not UNSET}}

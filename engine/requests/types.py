"""The requests: one struct for each task, with the fields that it has beside those of `shared_fields.py`.

Knows no model: a field not given is `UNSET`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, UnsetType

from engine.constants import LONGEST_SECONDS, SEED_MODULUS
from engine.grid.tempo_map import TempoPoint
from engine.requests.fields import about, audio
from engine.requests.shared_fields import (
    Channels,
    ContextSeconds,
    Covers,
    CrossfadeSeconds,
    EffectsTail,
    EndRelativeTo,
    EndTime,
    Request,
    StartRelativeTo,
    StartTime,
    WithLyrics,
    WithSeam,
)
from engine.requests.tracks import Track

__all__ = [
    "FROM_WORDS",
    "TASKS",
    "AudioToAudio",
    "Complete",
    "Covers",
    "Extract",
    "Inpaint",
    "Lego",
    "Outpaint",
    "PromptToAudio",
    "Request",
    "Retake",
    "TempoPoint",
    "TextToAudio",
    "WithLyrics",
    "WithSeam",
]


class TextToAudio(WithLyrics, frozen=True, kw_only=True):
    """Music from tags and lyrics."""

    task: ClassVar[str] = "text-to-audio"
    tags: Annotated[str, about("Comma-separated tags of the style wanted.")]
    duration: (
        Annotated[float, about("Length of the music.", 60.0, ge=0.1, le=LONGEST_SECONDS, unit="seconds")] | UnsetType
    ) = UNSET
    effects_tail: EffectsTail = UNSET


class PromptToAudio(Request, frozen=True, kw_only=True):
    """Music from a description in plain words; tags and lyrics are written from it."""

    task: ClassVar[str] = "prompt-to-audio"
    prompt: Annotated[str, about("What the music should be, in plain words.")]
    instrumental: Annotated[bool, about("No singing.", False)] | UnsetType = UNSET
    duration: (
        Annotated[float, about("Length of the music.", 60.0, ge=0.1, le=LONGEST_SECONDS, unit="seconds")] | UnsetType
    ) = UNSET
    effects_tail: EffectsTail = UNSET


class Inpaint(WithSeam, frozen=True, kw_only=True):
    """A region of the source regenerated, fitting the music around it."""

    task: ClassVar[str] = "inpaint"
    covers: ClassVar[Covers] = "region"
    nearness: ClassVar[str] = "variance"
    start_time: StartTime = UNSET
    start_time_relative_to: StartRelativeTo = UNSET
    end_time: EndTime = UNSET
    end_time_relative_to: EndRelativeTo = UNSET
    variance: (
        Annotated[float, about("How far from the source: 0 gives it back, 1 is free.", 0.5, ge=0, le=1)] | UnsetType
    ) = UNSET


class Outpaint(WithSeam, frozen=True, kw_only=True):
    """New music before or after the source."""

    task: ClassVar[str] = "outpaint"
    covers: ClassVar[Covers] = "extension"
    extend_before_duration: (
        Annotated[float, about("Length to add before.", 0.0, ge=0, le=LONGEST_SECONDS, unit="seconds")] | UnsetType
    ) = UNSET
    extend_after_duration: (
        Annotated[float, about("Length to add after.", 30.0, ge=0, le=LONGEST_SECONDS, unit="seconds")] | UnsetType
    ) = UNSET

    @property
    def variance(self) -> float:
        """There is no source to be near to."""
        return 1.0


class AudioToAudio(WithLyrics, frozen=True, kw_only=True):
    """The source in another style (remix), with other words (lyrics), or as a starting point (reference)."""

    task: ClassVar[str] = "audio-to-audio"
    covers: ClassVar[Covers] = "source"
    nearness: ClassVar[str] = "edit_mode"
    audio: Annotated[Any, audio("The source.")]
    original_tags: Annotated[str, about("Tags that describe the source.")]
    tags: Annotated[str, about("Comma-separated tags of the style wanted.")]
    edit_mode: Annotated[Literal["remix", "lyrics", "reference"], about("What changes.", "remix")] | UnsetType = UNSET
    original_lyrics: Annotated[str, about("Words of the source.", "")] | UnsetType = UNSET
    original_seed: (
        Annotated[int, about("Seed that made the source; recorded only.", ge=0, le=SEED_MODULUS - 1)] | UnsetType
    ) = UNSET
    strength: (
        Annotated[
            float, about("How much of the source is kept, in edit_mode reference and in covers.", 0.5, ge=0, le=1)
        ]
        | UnsetType
    ) = UNSET
    edit_n_min: (
        Annotated[float, about("Flow-edit: share of the steps before editing begins.", ge=0, le=1)] | UnsetType
    ) = UNSET
    edit_n_max: (
        Annotated[float, about("Flow-edit: share of the steps after which only the target is followed.", ge=0, le=1)]
        | UnsetType
    ) = UNSET
    edit_n_avg: Annotated[int, about("Flow-edit: noises averaged a step.", 1, ge=1, le=16)] | UnsetType = UNSET
    effects_tail: EffectsTail = UNSET
    channels: Channels = UNSET


class Retake(WithLyrics, frozen=True, kw_only=True):
    """A variation of what a seed made."""

    task: ClassVar[str] = "retake"
    keeps_seed: ClassVar[bool] = True
    tags: Annotated[str, about("Comma-separated tags of the style wanted.")]
    duration: (
        Annotated[float, about("Length of the music.", 60.0, ge=0.1, le=LONGEST_SECONDS, unit="seconds")] | UnsetType
    ) = UNSET
    effects_tail: EffectsTail = UNSET
    variance: (
        Annotated[float, about("How far from the first take: 0 repeats it, 1 is another one.", 0.5, ge=0, le=1)]
        | UnsetType
    ) = UNSET


class Lego(WithLyrics, frozen=True, kw_only=True):
    """One more instrument for a region of the source, alone (of models that are trained for single instruments)."""

    task: ClassVar[str] = "lego"
    of_stems: ClassVar[bool] = True
    covers: ClassVar[Covers] = "region"
    audio: Annotated[Any, audio("The source.")]
    track: Annotated[Track, about("The instrument to add.")]
    tags: Annotated[str, about("Comma-separated tags of the style wanted.")] | UnsetType = UNSET
    start_time: StartTime = UNSET
    start_time_relative_to: StartRelativeTo = UNSET
    end_time: EndTime = UNSET
    end_time_relative_to: EndRelativeTo = UNSET
    context_seconds: ContextSeconds = UNSET
    crossfade_seconds: CrossfadeSeconds = UNSET
    channels: Channels = UNSET

    @property
    def output(self) -> str:
        """The instrument is not mixed with the source."""
        return "clip"


class Extract(Request, frozen=True, kw_only=True):
    """One instrument of the source, alone (of models that are trained for single instruments)."""

    task: ClassVar[str] = "extract"
    of_stems: ClassVar[bool] = True
    covers: ClassVar[Covers] = "source"
    audio: Annotated[Any, audio("The source.")]
    track: Annotated[Track, about("The instrument to extract.")]
    tags: Annotated[str, about("Comma-separated tags that describe the source.")] | UnsetType = UNSET
    channels: Channels = UNSET


class Complete(WithLyrics, frozen=True, kw_only=True):
    """The source with further instruments (of models that are trained for single instruments)."""

    task: ClassVar[str] = "complete"
    of_stems: ClassVar[bool] = True
    covers: ClassVar[Covers] = "source"
    audio: Annotated[Any, audio("The source.")]
    tracks: Annotated[list[str], about("The instruments to add, such as drums, bass.")]
    tags: Annotated[str, about("Comma-separated tags of the style wanted.")] | UnsetType = UNSET
    channels: Channels = UNSET


TASKS: dict[str, type[Request]] = {
    r.task: r for r in (TextToAudio, PromptToAudio, Inpaint, Outpaint, AudioToAudio, Retake, Lego, Extract, Complete)
}
FROM_WORDS = tuple(
    name for name, request in TASKS.items() if request.covers == "piece"
)  # from a seed, without a source

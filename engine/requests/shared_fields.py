"""The fields that all tasks have, or several: one annotated field a setting. Names follow the public ACE-Step API.

With `types.py` the single definition of every request field. Knows no model: a field not given is `UNSET`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType

from engine.constants import SEED_MODULUS
from engine.effects.effect import Effect
from engine.grid.tempo_map import TempoPoint
from engine.requests.fields import about, audio

Covers = Literal["piece", "source", "region", "extension"]

# Fields that several tasks have.
StartTime = Annotated[float, about("Start of the region.", 0.0, unit="seconds")] | UnsetType
StartRelativeTo = (
    Annotated[
        Literal["start", "end"],
        about("Whether start_time counts from the start or back from the end.", "start"),
    ]
    | UnsetType
)
EndTime = (
    Annotated[float, about("End of the region; when not given, 30 or the end of the audio.", unit="seconds")]
    | UnsetType
)
EndRelativeTo = (
    Annotated[
        Literal["start", "end"],
        about("Whether end_time counts from the start or back from the end.", "start"),
    ]
    | UnsetType
)
ContextSeconds = (
    Annotated[
        float,
        about(
            "How much the model sees on each side; null: the whole file.",
            10.0,
            ge=0,
            le=120,
            unit="seconds",
        ),
    ]
    | UnsetType
    | None
)
CrossfadeSeconds = (
    Annotated[
        float,
        about("Length of the fades outside the region's borders.", 0.03, ge=0, le=1, unit="seconds"),
    ]
    | UnsetType
)
EffectsTail = (
    Annotated[bool, about("Whether the result goes on, by 10 s at most, while its effects ring on.", False)] | UnsetType
)
Channels = (
    Annotated[list[int], about("Which two channels (counted from 1) of a source with more than two.")] | UnsetType
)


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields that every task has. Raises `InvalidRequest` when a value is of the wrong type or out of range."""

    task: ClassVar[str] = ""
    covers: ClassVar[Covers] = "piece"  # how `engine.requests.extent` tells what is made
    keeps_seed: ClassVar[bool] = False  # variations differ by the retake seed alone, which is random too
    of_stems: ClassVar[bool] = False  # only models that are trained for single instruments can do it
    nearness: ClassVar[str] = ""  # the field that says how near to the source the first step is

    number_of_steps: Annotated[int, about("Steps of the sampler.", 27, ge=1, le=200)] | UnsetType = UNSET
    seed: (
        Annotated[int, about("Seed of the noise; random and reported when not given.", ge=0, le=SEED_MODULUS - 1)]
        | UnsetType
    ) = UNSET
    scheduler: Annotated[Literal["euler", "heun", "pingpong"], about("How the sampler steps.", "euler")] | UnsetType = (
        UNSET
    )
    guidance_type: (
        Annotated[Literal["apg", "cfg", "cfg_star"], about("Kind of classifier-free guidance.", "apg")] | UnsetType
    ) = UNSET
    granularity_scale: (
        Annotated[float, about("Higher values can reduce artifacts.", 10.0, ge=-100, le=100)] | UnsetType
    ) = UNSET
    guidance_interval: (
        Annotated[float, about("Share of the steps, around the middle, that are guided.", 0.5, ge=0, le=1)] | UnsetType
    ) = UNSET
    guidance_interval_decay: (
        Annotated[
            float,
            about("How far guidance falls towards minimum_guidance_scale in the interval.", 0.0, ge=0, le=1),
        ]
        | UnsetType
    ) = UNSET
    guidance_scale: Annotated[float, about("Strength of guidance.", 15.0, ge=0, le=200)] | UnsetType = UNSET
    minimum_guidance_scale: (
        Annotated[float, about("Guidance at the end of a full decay.", 3.0, ge=0, le=200)] | UnsetType
    ) = UNSET
    tag_guidance_scale: (
        Annotated[
            float,
            about(
                "Guidance towards the tags (with lyric_guidance_scale, both above 1: double condition guidance).",
                5.0,
                ge=0,
                le=200,
            ),
        ]
        | UnsetType
    ) = UNSET
    lyric_guidance_scale: Annotated[float, about("Guidance towards the lyrics.", 1.5, ge=0, le=200)] | UnsetType = UNSET

    variations: Annotated[int, about("How many results, in one batch.", 1, ge=1, le=16)] | UnsetType = UNSET
    candidates: (
        Annotated[int, about("Takes made for each result; the one with the best seam is kept.", 1, ge=1, le=16)]
        | UnsetType
    ) = UNSET
    model: Annotated[str, about("Model by name or folder.")] | UnsetType = UNSET
    key: Annotated[str, about("Key, such as 'A minor'; joins the tags.")] | UnsetType = UNSET
    tempo: Annotated[float, about("Tempo.", ge=20, le=400, unit="bpm")] | UnsetType = UNSET
    meter: Annotated[str, about("Meter, such as 4/4 or 6/8.")] | UnsetType = UNSET
    downbeat_time: (
        Annotated[float, about("Where a bar begins, from the source's first sample.", 0.0, unit="seconds")] | UnsetType
    ) = UNSET
    tempo_map: (
        Annotated[list[TempoPoint], about("Tempo over time: points {time, bpm, numerator, denominator, bar_phase}.")]
        | UnsetType
    ) = UNSET
    sample_rate: (
        Annotated[
            int,
            about(
                "Sample rate of the result; the source's by default, else 48000.",
                ge=8000,
                le=192000,
                unit="Hz",
            ),
        ]
        | UnsetType
    ) = UNSET
    bit_depth: (
        Annotated[Literal["16", "24", "32f"], about("Bit depth of the result; the source's by default, else 24.")]
        | UnsetType
    ) = UNSET
    format: Annotated[Literal["wav", "flac", "mp3", "ogg"], about("File format of the result.", "wav")] | UnsetType = (
        UNSET
    )
    language: (
        Annotated[str, about("Language of the lyrics, such as en or zh; found line by line when not given.")]
        | UnsetType
    ) = UNSET
    lora: Annotated[list[str], about("LoRA adapters: folders, files or hub ids, applied together.")] | UnsetType = UNSET
    lora_weight: Annotated[list[float], about("Weight of each adapter of `lora`; 1 each by default.")] | UnsetType = (
        UNSET
    )
    priority: Annotated[int, about("Jobs of higher priority run first.", 0, ge=-100, le=100)] | UnsetType = UNSET
    request_id: Annotated[str, about("A repeat with the same id within 24 h gets the first answer.")] | UnsetType = (
        UNSET
    )
    client_data: (
        Annotated[dict[str, Any], about("A JSON object of up to 16 kB, returned by status, list and result.")]
        | UnsetType
    ) = UNSET

    retake_seed: (
        Annotated[
            int,
            about("Seed of the second noise; derived from seed when not given.", ge=0, le=SEED_MODULUS - 1),
        ]
        | UnsetType
    ) = UNSET
    erg_tag: Annotated[bool, about("Entropy rectifying guidance on the tags.", True)] | UnsetType = UNSET
    erg_lyric: Annotated[bool, about("Entropy rectifying guidance on the lyrics.", True)] | UnsetType = UNSET
    erg_diffusion: Annotated[bool, about("Entropy rectifying guidance in the transformer.", True)] | UnsetType = UNSET
    oss_steps: (
        Annotated[list[int], about("Chosen steps of the schedule, counted from 1, instead of all.")] | UnsetType
    ) = UNSET
    effects: (
        Annotated[
            list[Effect | str],
            about("Effects on what is made: {name or plugin, parameters, state}, or names of presets."),
        ]
        | UnsetType
    ) = UNSET
    reference_audio: (
        Annotated[
            Any,
            audio("A clip whose timbre the music should have, for ACE-Step 1.5; not part of the result."),
        ]
        | UnsetType
    ) = UNSET
    shift: (
        Annotated[
            float,
            about("Shift of the noise levels, for ACE-Step 1.5: the more, the longer at high noise.", ge=0.1, le=20),
        ]
        | UnsetType
    ) = UNSET

    def __post_init__(self) -> None:
        from engine.requests.check import check

        check(self)


class WithLyrics(Request, frozen=True, kw_only=True):
    """A task that can sing."""

    lyrics: (
        Annotated[
            str,
            about(
                "Words to sing; [verse], [chorus], [bridge] structure them; empty, [inst] or "
                "[instrumental]: nothing is sung.",
                "",
            ),
        ]
        | UnsetType
    ) = UNSET


class WithSeam(WithLyrics, frozen=True, kw_only=True):
    """A task whose result joins a source: lyrics are the words of the new part only."""

    audio: Annotated[Any, audio("The source.")]
    tags: Annotated[str, about("Comma-separated tags of the style wanted.")]
    context_lyrics_before: Annotated[str, about("Words sung before the new part.", "")] | UnsetType = UNSET
    context_lyrics_after: Annotated[str, about("Words sung after the new part.", "")] | UnsetType = UNSET
    context_seconds: ContextSeconds = UNSET
    crossfade_seconds: CrossfadeSeconds = UNSET
    joint_search_seconds: (
        Annotated[
            float,
            about(
                "How far inside the region a fade may lie where it is heard less, such as before an attack.",
                0.03,
                ge=0,
                le=0.2,
                unit="seconds",
            ),
        ]
        | UnsetType
    ) = UNSET
    pin_joints: (
        Annotated[bool, about("Fades exactly at the region's borders, wherever they are heard less.", False)]
        | UnsetType
    ) = UNSET
    match_tempo: (
        Annotated[
            Literal["off", "on", "stretch"],
            about(
                "on: the new part is moved onto the beat around it, by 60 ms at most; stretch: its tempo is brought to "
                "that of the music too, by 3 % at most; off: it stays.",
                "on",
            ),
        ]
        | UnsetType
    ) = UNSET
    match_loudness: (
        Annotated[
            bool,
            about(
                "Whether the new part follows the loudness around it: down as far as that is, up by 12 dB at most.",
                True,
            ),
        ]
        | UnsetType
    ) = UNSET
    match_tone: (
        Annotated[
            bool, about("Whether brightness and stereo width of the new part are brought to its surroundings'.", False)
        ]
        | UnsetType
    ) = UNSET
    reuse_latents: (
        Annotated[
            bool,
            about(
                "Whether parts of the source that this model made are seen as it made them, while that is known here, "
                "not coded again from their audio.",
                False,
            ),
        ]
        | UnsetType
    ) = UNSET
    output: (
        Annotated[
            Literal["full", "clip"],
            about(
                "full: the whole file with the new part in place; clip: the new part with its handles.",
                "full",
            ),
        ]
        | UnsetType
    ) = UNSET
    channels: Channels = UNSET

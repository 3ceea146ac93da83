"""Which options are for every day, which for experts, and how their values are written. Knows fields by name."""

from __future__ import annotations

from engine.requests import Field

TEMPO = "Tempo, key and language"
JOINTS = "Context and joints, for a source"
EFFECTS = "Effects on what is made"
FILE = "The file that is written"
SAMPLER = "Sampler and guidance, for experts"
JOB = "The job in the daemon's queue"

_EVERY_DAY = (
    *("prompt", "tags", "lyrics", "instrumental", "track", "tracks", "original_tags", "edit_mode", "strength"),
    *("start_time", "end_time", "duration", "extend_before_duration", "extend_after_duration", "variance"),
    *("reference_audio", "seed", "variations", "candidates", "model", "lora", "lora_weight"),
)
_GROUPS = {
    TEMPO: ("tempo", "meter", "downbeat_time", "tempo_map", "key", "language"),
    JOINTS: (
        *("context_seconds", "context_lyrics_before", "context_lyrics_after", "crossfade_seconds"),
        *("joint_search_seconds", "pin_joints", "match_tempo", "match_loudness", "match_tone"),
        *("reuse_latents", "channels"),
        *("start_time_relative_to", "end_time_relative_to", "original_lyrics", "output"),
    ),
    EFFECTS: ("effects", "effects_tail"),
    FILE: ("format", "bit_depth", "sample_rate"),
    SAMPLER: (
        *("number_of_steps", "scheduler", "oss_steps", "shift", "guidance_type", "guidance_scale"),
        *("tag_guidance_scale", "lyric_guidance_scale", "guidance_interval", "guidance_interval_decay"),
        *("minimum_guidance_scale", "granularity_scale", "erg_tag", "erg_lyric", "erg_diffusion", "retake_seed"),
        *("original_seed", "edit_n_min", "edit_n_max", "edit_n_avg"),
    ),
    JOB: ("priority", "request_id", "client_data"),
}
ORDER = (*_EVERY_DAY, *(name for names in _GROUPS.values() for name in names))
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}
EXAMPLES = {
    "channels": "1,2",
    "oss_steps": "1,5,12",
    "lora": "voice.safetensors,owner/name",
    "lora_weight": "0.8,0.5",
    "tracks": "drums,bass",
    "tempo_map": """'[{"time": 0, "bpm": 120}, {"time": 8, "bpm": 124}]'""",
    "effects": 'warm (a preset), or \'[{"name": "Reverb"}]\'',
    "client_data": """'{"scene": 3}'""",
}
_METAVARS = {"int": "N", "float": "X", "str": "TEXT", "audio": "FILE", "list": "A,B,...", "object": "JSON"}


def group_of(name: str) -> str | None:
    """The heading of a field's option in the help; None: with the everyday ones. Unknown fields are for experts."""
    return None if name in _EVERY_DAY else _GROUP_OF.get(name, SAMPLER)


def place_of(name: str) -> int:
    """Where a field's option stands among all."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def metavar(field: Field) -> str:
    """What stands for a value in the help."""
    if field.choices:
        return "|".join(field.choices)
    if field.unit == "seconds":
        return "TIME"
    return "JSON" if field.name == "tempo_map" else _METAVARS.get(field.kind, "TEXT")


def example(field: Field) -> str:
    """How a list or an object is written, in words for the help; empty for anything else."""
    text = EXAMPLES.get(field.name)
    return f" Such as --{field.name.replace('_', '-')} {text}" if text else ""

"""The fields of each task as a form shows them: grouped as a musician thinks. Made from the one definition of fields.

A field that no group names stands under "More", so that none is missing. Knows no HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from bridge.gateway.endpoint_ids import DOCUMENTED, TASK_OF
from bridge.gateway.inputs import public_name
from engine.requests import TASKS, Field, fields_of
from engine.requests.tracks import TRACKS

Json = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Fields that belong together; `folded` ones are for experts."""

    title: str
    names: tuple[str, ...]
    folded: bool = True


GROUPS = (
    Group("Sound", ("track", "tracks", "prompt", "tags", "lyrics", "instrumental", "duration"), folded=False),
    Group("What the source is", ("edit_mode", "original_tags", "original_lyrics", "strength"), folded=False),
    Group(
        "Where",
        ("start_time", "end_time", "extend_before_duration", "extend_after_duration"),
        folded=False,
    ),
    Group("How many, how different", ("variations", "variance", "seed", "candidates"), folded=False),
    Group("Tempo and key", ("tempo", "key", "meter", "downbeat_time", "match_tempo", "tempo_map")),
    Group(
        "Joints",
        (
            *("context_seconds", "crossfade_seconds", "joint_search_seconds", "pin_joints", "match_loudness"),
            *("context_lyrics_before", "context_lyrics_after"),
        ),
    ),
    Group("File", ("format", "bit_depth", "sample_rate", "output", "channels")),
    Group("Model", ("model", "language", "reference_audio", "lora", "lora_weight", "priority")),
    Group(
        "Sampler",
        (
            *("number_of_steps", "scheduler", "guidance_scale", "guidance_type", "tag_guidance_scale"),
            *("lyric_guidance_scale", "granularity_scale", "guidance_interval", "guidance_interval_decay"),
            *("minimum_guidance_scale", "retake_seed", "erg_tag", "erg_lyric", "erg_diffusion", "oss_steps", "shift"),
            *("edit_n_min", "edit_n_max", "edit_n_avg", "original_seed"),
        ),
    ),
)
HIDDEN = frozenset({"audio", "client_data", "request_id"})  # the page's own: the source, who asks, the call's name
LONG_TEXTS = frozenset({"lyrics", "original_lyrics", "context_lyrics_before", "context_lyrics_after", "prompt"})
TITLES = {
    "inpaint": "Regenerate a region",
    "outpaint": "Extend",
    "audio-to-audio": "Remix or new lyrics",
    "text-to-audio": "New from tags",
    "prompt-to-audio": "New from a description",
    "retake": "Retake",
    "lego": "Add an instrument",
    "extract": "Take an instrument out",
    "complete": "Complete a band",
}
LABELS = {"track": "Instrument", "tracks": "Instruments"}


def forms() -> list[Json]:
    """One form for each task, in the order of `TITLES`: endpoint, title, whether it has a source, groups of fields."""
    endpoints = {TASK_OF[endpoint]: endpoint for endpoint in DOCUMENTED}
    return [_form(task, endpoints[task]) for task in dict.fromkeys((*TITLES, *TASKS))]


def _form(task: str, endpoint: str) -> Json:
    fields = {name: field for name, field in fields_of(TASKS[task]).items() if name not in HIDDEN}
    named = {name for group in GROUPS for name in group.names}
    groups = [*GROUPS, Group("More", tuple(name for name in fields if name not in named))]
    shown = [_group(group, fields) for group in groups if any(name in fields for name in group.names)]
    has_source = "audio" in fields_of(TASKS[task])
    return {
        "task": task,
        "endpoint": endpoint,
        "title": TITLES.get(task) or task.capitalize(),
        "has_source": has_source,
        "groups": shown,
    }


def _group(group: Group, fields: dict[str, Field]) -> Json:
    told = [_field(fields[name]) for name in group.names if name in fields]
    return {"title": group.title, "folded": group.folded, "fields": told}


def _field(field: Field) -> Json:
    return {
        "name": public_name(field.name),
        "label": LABELS.get(field.name) or field.name.replace("_", " ").capitalize(),
        "kind": "long" if field.name in LONG_TEXTS else "several" if field.name == "tracks" else field.kind,
        "required": field.required,
        "nullable": field.nullable,
        "default": None if field.default is UNSET else field.default,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "choices": list(TRACKS if field.name == "tracks" else field.choices),
        "unit": field.unit,
        "expected": field.expected,
        "description": field.description,
    }

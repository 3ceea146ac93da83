"""The requests: what each task takes, checked, with defaults. No torch, no socket, no file."""

from __future__ import annotations

from engine.requests.fields import Field, fields_of
from engine.requests.json_objects import from_dict, to_dict
from engine.requests.recipe import ModelIdentity, recipe, request_of
from engine.requests.resolve import Resolved, derive_retake_seed, resolve
from engine.requests.schema import fields_table, json_schema
from engine.requests.types import (
    FROM_WORDS,
    TASKS,
    AudioToAudio,
    Complete,
    Extract,
    Inpaint,
    Lego,
    Outpaint,
    PromptToAudio,
    Request,
    Retake,
    TempoPoint,
    TextToAudio,
)

__all__ = [
    "FROM_WORDS",
    "TASKS",
    "AudioToAudio",
    "Complete",
    "Extract",
    "Field",
    "Inpaint",
    "Lego",
    "ModelIdentity",
    "Outpaint",
    "PromptToAudio",
    "Request",
    "Resolved",
    "Retake",
    "TempoPoint",
    "TextToAudio",
    "derive_retake_seed",
    "fields_of",
    "fields_table",
    "from_dict",
    "json_schema",
    "recipe",
    "request_of",
    "resolve",
    "to_dict",
]

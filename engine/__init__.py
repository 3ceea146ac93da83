"""ACE-Step v1 for inference: tags, lyrics and audio in, audio out. Knows no socket, no job and no DAW.

The public names are imported lazily (PEP 562), so that requests and errors cost no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.audio.buffer import Audio
    from engine.errors import Cancelled, CheckpointError, EngineError, InvalidRequest, NotFinite, OutOfMemory
    from engine.model import Model, Progress, Render, load
    from engine.requests import (
        AudioToAudio,
        Complete,
        Extract,
        Inpaint,
        Lego,
        Outpaint,
        PromptToAudio,
        Request,
        Retake,
        TextToAudio,
    )

_HOMES = {
    "Audio": "engine.audio.buffer",
    "Cancelled": "engine.errors",
    "CheckpointError": "engine.errors",
    "EngineError": "engine.errors",
    "InvalidRequest": "engine.errors",
    "NotFinite": "engine.errors",
    "OutOfMemory": "engine.errors",
    "Model": "engine.model",
    "Progress": "engine.model",
    "Render": "engine.model",
    "load": "engine.model",
    "AudioToAudio": "engine.requests",
    "Complete": "engine.requests",
    "Extract": "engine.requests",
    "Lego": "engine.requests",
    "Inpaint": "engine.requests",
    "Outpaint": "engine.requests",
    "PromptToAudio": "engine.requests",
    "Request": "engine.requests",
    "Retake": "engine.requests",
    "TextToAudio": "engine.requests",
}

__all__ = [
    "Audio",
    "AudioToAudio",
    "Cancelled",
    "CheckpointError",
    "Complete",
    "EngineError",
    "Extract",
    "Inpaint",
    "InvalidRequest",
    "Lego",
    "Model",
    "NotFinite",
    "OutOfMemory",
    "Outpaint",
    "Progress",
    "PromptToAudio",
    "Render",
    "Request",
    "Retake",
    "TextToAudio",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

"""What is known of a model before it is loaded: enough to settle and check its requests. Knows no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InvalidRequest
from engine.geometry import Geometry

USUAL_TASKS = frozenset(("text-to-audio", "prompt-to-audio", "inpaint", "outpaint", "audio-to-audio", "retake"))


@dataclass(frozen=True)
class Facts:
    """`default_request` holds the values of request fields that the model prefers where none are given.

    `tasks` are the names of those that it is trained for. `has_lyric_vocabulary`: lyrics become v1's token ids, which
    can be counted without loading the model.
    """

    family: str
    geometry: Geometry
    default_request: Mapping[str, Any] = field(default_factory=dict)
    has_lyric_vocabulary: bool = True
    tasks: frozenset[str] = USUAL_TASKS


def check_task(task: str, facts: Facts) -> None:
    """Raise InvalidRequest for a task that the model is not trained for."""
    if task not in facts.tasks:
        raise InvalidRequest(
            "task",
            f"{task}, which this model is not trained for",
            f"one of {', '.join(sorted(facts.tasks))}",
            "Choose a model that is: ace-step-1.5-base or ace-step-1.5-xl-base.",
        )

"""What is known of a model before it is loaded: enough to settle and check its requests. Knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from engine.errors import InvalidRequest
from engine.geometry import Geometry
from engine.requests.resolve import Resolved
from engine.requests.types import TASKS, Request

USUAL_TASKS = frozenset(task for task, request in TASKS.items() if not request.of_stems)


@dataclass(frozen=True)
class Unread:
    """Fields that a model makes nothing of, and why, as the end of a sentence; `when` limits it to some requests."""

    fields: tuple[str, ...]
    why: str
    when: Callable[[Resolved], bool] = lambda _: True


@dataclass(frozen=True)
class Facts:
    """`default_request` holds the values of request fields that the model prefers where none are given.

    `tasks` are the names of those that it is trained for. `has_lyric_vocabulary`: lyrics become v1's token ids, which
    can be counted without loading the model. Fields without a meaning for it are `unread`, which is said in a warning,
    or `refused`, with the reason: those that the user would miss in the result.
    """

    family: str
    geometry: Geometry
    default_request: Mapping[str, Any] = field(default_factory=dict)
    has_lyric_vocabulary: bool = True
    tasks: frozenset[str] = USUAL_TASKS
    halves: bool = False  # whether the released weights are of 16 bits, so that bfloat16 holds them as they are
    unread: tuple[Unread, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def check_request(request: Request, facts: Facts) -> None:
    """Raise InvalidRequest for a task that the model is not trained for, and for a field that it cannot take."""
    check_task(request.task, facts)
    for name, why in facts.refused.items():
        if getattr(request, name, UNSET) is not UNSET:
            raise InvalidRequest(name, "a value", f"nothing: {why}", "Leave the field out, or choose another model.")


def check_task(task: str, facts: Facts) -> None:
    """Raise InvalidRequest for a task that the model is not trained for."""
    if task not in facts.tasks:
        raise InvalidRequest(
            "task",
            f"{task}, which this model is not trained for",
            f"one of {', '.join(sorted(facts.tasks))}",
            "Choose a model that is: ace-step-1.5-base or ace-step-1.5-xl-base.",
        )


def unread_words(resolved: Resolved, facts: Facts) -> tuple[str, ...]:
    """A sentence for the fields that the request gave and that have no meaning for the model."""
    said = []
    for rule in facts.unread:
        given = [name for name in rule.fields if name in resolved.given]
        if given and rule.when(resolved):
            has, was = ("has", "was") if len(given) == 1 else ("have", "were")
            said.append(f"{', '.join(given)} {has} no meaning here ({rule.why}) and {was} left out.")
    return tuple(said)

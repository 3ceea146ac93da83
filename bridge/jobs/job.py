"""A job as the daemon keeps it, and the states it may go through. Knows no socket and no model."""

from __future__ import annotations

import secrets
import time
from typing import Any

import msgspec

from bridge.protocol.errors import ErrorContent
from bridge.protocol.messages import State

TRANSITIONS: dict[State, frozenset[State]] = {
    "queued": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"queued", "completed", "failed", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


class Job(msgspec.Struct, kw_only=True):
    """A row of the store. `request` is what the engine gets; `owner` is "" for this machine's user, else a client.

    `created`, `started`, `finished` are what the clock showed, which somebody may set; `queued_seconds` and
    `running_seconds` were measured, and are None where that was not possible. `result` holds the entries of a
    `ResultReply` as JSON, `warnings` beside them.
    """

    job_id: str
    task: str
    request: dict[str, Any]
    state: State = "queued"
    owner: str = ""
    model: str = ""
    priority: int = 0
    sequence: int = 0
    attempts: int = 0
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    client_data: dict[str, Any] = {}
    result: list[dict[str, Any]] | None = None
    warnings: list[str] = []
    error: ErrorContent | None = None
    queued_seconds: float | None = None
    running_seconds: float | None = None
    number: int = 0


class WrongTransition(RuntimeError):
    """A change of state that must not happen: a fault of the daemon."""


def check_transition(job_id: str, old: State, new: State) -> None:
    """Raises WrongTransition unless a job may go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise WrongTransition(f"job {job_id}: {old} to {new}")


def new_job_id(now: float, mark: str = "") -> str:
    """A name that sorts by time and is told apart from others of the same second; after the mark of its owner's."""
    start = f"{mark}-" if mark else ""
    return start + time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(4)

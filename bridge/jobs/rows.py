"""A job as a row of the store: what never changes and what it left, as JSON. Knows no file."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.jobs.connection import Connection
from bridge.jobs.job import Job
from bridge.protocol.errors import ErrorContent
from bridge.protocol.messages import State

COLUMNS = "number, job_id, state, owner, priority, sequence, attempts, started, finished, details, outcome"

UNREADABLE = (msgspec.MsgspecError, UnicodeError, ValueError, TypeError, RecursionError)
_Row = tuple[int, str, State, str, int, int, int, float | None, float | None, str, str]
_REMEDY = "Delete it: `acestep-bridge jobs delete`. Or stop the daemon, then: acestep-bridge jobs repair"
DAMAGED = ErrorContent(
    code="store_damaged", message=f"The record of this job is damaged: it cannot be read. {_REMEDY}", remedy=_REMEDY
)


class Details(msgspec.Struct, frozen=True):
    """What never changes."""

    task: str
    request: dict[str, Any]
    model: str
    created: float
    client_data: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True):
    """What a finished job left."""

    result: list[dict[str, Any]] | None = None
    warnings: list[str] = []
    error: ErrorContent | None = None
    queued_seconds: float | None = None
    running_seconds: float | None = None


def details_of(job: Job) -> str:
    """What never changes of a job."""
    return as_text(Details(job.task, job.request, job.model, job.created, job.client_data))


def outcome_of(job: Job) -> str:
    """What a job left, as far as it is known."""
    seconds = job.queued_seconds, job.running_seconds
    return as_text(Outcome(job.result, job.warnings, job.error, *seconds))


def as_text(value: msgspec.Struct) -> str:
    """As JSON."""
    return msgspec.json.encode(value).decode("utf-8")


def job_of(row: tuple[Any, ...]) -> Job:
    """A row of `COLUMNS`. Raises one of UNREADABLE for one that holds no job."""
    number, job_id, state, owner, priority, sequence, attempts, started, finished, details, outcome = msgspec.convert(
        row, _Row
    )
    fixed = msgspec.json.decode(details, type=Details)
    left = msgspec.json.decode(outcome, type=Outcome)
    return Job(
        job_id=job_id,
        task=fixed.task,
        request=fixed.request,
        state=state,
        owner=owner,
        model=fixed.model,
        priority=priority,
        sequence=sequence,
        attempts=attempts,
        created=fixed.created,
        started=started,
        finished=finished,
        client_data=fixed.client_data,
        result=left.result,
        warnings=list(left.warnings),
        error=left.error,
        queued_seconds=left.queued_seconds,
        running_seconds=left.running_seconds,
        number=number,
    )


def job_or_damage(row: tuple[Any, ...]) -> Job:
    """A row of `COLUMNS`; in the place of one that holds no job a failed one that says so, so that all others show."""
    try:
        return job_of(row)
    except UNREADABLE:
        number, job_id, _, owner, *_ = row
        return Job(
            number=number if isinstance(number, int) else 0,
            job_id=str(job_id),
            task="",
            request={},
            state="failed",
            owner=owner if isinstance(owner, str) else "",
            error=DAMAGED,
        )


def set_aside(base: Connection, row: tuple[Any, ...], now: float) -> bool:
    """Whether a row holds a job; one that does not is no longer queued or running. Raises StoreUnavailable."""
    try:
        job_of(row)
        return True
    except UNREADABLE:
        query = "UPDATE jobs SET state = 'failed', priority = 0, finished = ?, outcome = ? WHERE number = ?"
        base.execute(query, (now, as_text(Outcome(error=DAMAGED)), row[0]))
        return False


def matching(owner: str | None, state: State | None) -> tuple[str, tuple[str, ...]]:
    """The condition for an owner's jobs and for a state, None for all, and its values."""
    asked = [(f"{name} = ?", value) for name, value in (("owner", owner), ("state", state)) if value is not None]
    where = " AND ".join(condition for condition, _ in asked)
    return (f" WHERE {where}" if where else ""), tuple(value for _, value in asked)

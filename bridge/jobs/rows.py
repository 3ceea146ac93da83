"""A job as a row of the store: what never changes and what it left, as JSON. Knows no file."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.jobs.job import Job
from bridge.protocol.errors import ErrorContent

COLUMNS = "number, job_id, state, owner, priority, sequence, attempts, started, finished, details, outcome"


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
    """A row of `COLUMNS`. Raises msgspec.MsgspecError for one that holds no job."""
    number, job_id, state, owner, priority, sequence, attempts, started, finished, details, outcome = row
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

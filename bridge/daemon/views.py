"""Jobs and models as clients see them. No socket, no torch."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bridge.daemon.progress import Progress
from bridge.jobs import Job
from bridge.jobs.rows import DAMAGED
from bridge.protocol import messages as m
from bridge.protocol.errors import RequestFailed, failure, refused
from engine.checkpoints import registry
from engine.checkpoints.identity import known_fingerprint
from engine.errors import CheckpointError
from engine.families.table import facts_of


@dataclass
class Counters:
    """What `metrics` tells of messages."""

    messages_received: int = 0
    rejected_signatures: int = 0
    rejected_messages: int = 0
    events_sent: int = 0


def status(job: Job, position: int, progress: Progress | None) -> m.JobStatus:
    """A job's status; `progress` while it runs."""
    return m.JobStatus(
        job_id=job.job_id,
        task=job.task,
        state=job.state,
        public_state=m.PUBLIC_STATES[job.state],
        sequence=job.sequence,
        queue_position=position,
        stage=progress.stage if progress else "",
        step=progress.step if progress else 0,
        steps=progress.steps if progress else 0,
        progress=1.0 if job.state == "completed" else round(progress.share, 4) if progress else 0.0,
        remaining_seconds=progress.remaining_seconds() if progress else None,
        model=model_name(job.model),
        priority=job.priority,
        attempts=job.attempts,
        cancelling=bool(progress and progress.cancelling),
        created=job.created,
        started=job.started,
        finished=job.finished,
        client_data=job.client_data,
        error=job.error,
    )


def request(job: Job, with_paths: bool) -> dict[str, Any]:
    """A job's request; without paths each audio is the hash in the store, or the file's name."""
    values = {"task": job.task, **job.request}
    for name in ("audio", "reference_audio"):
        if isinstance(values.get(name), str) and not with_paths:
            path = Path(values[name])
            values[name] = f"sha256:{path.stem}" if len(path.stem) == 64 else path.name
    return values


def unknown_job(job_id: str) -> RequestFailed:
    """The error for a job that is not there."""
    return refused("unknown_job", "job_id", job_id[:60] or "no id", "a job of this daemon", "`jobs list` shows them.")


def result(job: Job, with_paths: bool, variation: int | None) -> m.ResultReply:
    """What a completed job made. Raises NotFinished, JobFailed, JobCancelled."""
    _check_completed(job)
    try:
        entries = msgspec.convert(job.result or [], list[m.ResultEntry])
    except msgspec.ValidationError as error:
        raise failure(DAMAGED) from error
    if variation is not None:
        entries = [entry for entry in entries if entry.variation == variation]
        if not entries:
            count = len({e["variation"] for e in job.result or []})
            raise refused("invalid_request", "variation", str(variation), f"0 to {count - 1}", "Leave it out for all.")
    entries.sort(key=lambda e: (not e.chosen, e.variation, e.candidate))
    if not with_paths:
        hidden = msgspec.structs.replace
        entries = [hidden(e, audio=hidden(e.audio, path=None)) for e in entries]
    started, finished = job.started or job.created, job.finished or job.created
    return m.ResultReply(
        job_id=job.job_id,
        task=job.task,
        client_data=job.client_data,
        timings={
            "queued": _duration(job.queued_seconds, started - job.created),
            "running": _duration(job.running_seconds, finished - started),
        },
        warnings=job.warnings,
        results=entries,
    )


def _duration(measured: float | None, by_the_clock: float) -> float:
    return round(max(0.0, by_the_clock) if measured is None else measured, 4)


def _check_completed(job: Job) -> None:
    if job.state == "completed":
        return
    if job.state == "failed" and job.error is not None:
        raise failure(msgspec.structs.replace(job.error, code="job_failed"))
    code = "job_cancelled" if job.state == "cancelled" else "not_finished"
    remedy = "Submit it again." if job.state == "cancelled" else "Wait for it."
    raise refused(code, "job_id", f"a job that is {job.state}", "a completed job", remedy)


def default_model() -> str:
    """The full model where it is installed and an NVIDIA driver is there, else nano."""
    names = {entry.name: entry for entry in registry.entries()}
    full = names["ace-step-v1"]
    return full.name if full.installed and shutil.which("nvidia-smi") else "nano"


def model_name(name: str) -> m.ModelName:
    """A model's name and what it is, in words."""
    description = registry.descriptions().get(name)
    if description is None:
        short = Path(name).name
        return m.ModelName(name=short, description=f"{short}: a checkpoint of yours")
    return m.ModelName(name=name, description=f"{name}: {description}")


def check_model(name: str) -> str:
    """The name, if such a model is there. Raises UnknownThing (unknown_model) with how to get it."""
    try:
        registry.resolve(name)
    except registry.UnknownModel as error:
        raise refused("unknown_model", "model", error.got, error.expected, error.remedy) from error
    except CheckpointError as error:
        raise refused("unknown_model", "model", name, "a model that is here", str(error)) from error
    except (OSError, ValueError) as error:  # a name that no file can have
        remedy = "`acestep-bridge models list` shows the models that are here."
        raise refused("unknown_model", "model", repr(name[:80]), "a model that is here", remedy) from error
    return name


def metrics_of_client(jobs: dict[str, int], uptime_seconds: float, engine_restarts: int) -> m.MetricsReply:
    """What a client of another machine is told: its own jobs; nothing of others."""
    return m.MetricsReply(
        uptime_seconds=uptime_seconds,
        jobs=jobs,
        messages_received=0,
        rejected_signatures=0,
        rejected_messages=0,
        events_sent=0,
        engine_restarts=engine_restarts,
        audio_bytes=0,
        audio_files=0,
    )


def models(loaded: str | None, default: str, with_paths: bool) -> m.ModelsReply:
    """The registry."""
    told = [_entry(entry, loaded, with_paths) for entry in registry.entries()]
    return m.ModelsReply(models=told, default=default, default_tasks=_tasks(default))


def _entry(entry: registry.ModelEntry, loaded: str | None, with_paths: bool) -> m.ModelEntry:
    remedy = f"acestep-bridge models pull {entry.name}" if entry.repository else "Reinstall the package."
    return m.ModelEntry(
        name=entry.name,
        description=entry.description,
        available=entry.installed,
        loaded=entry.name == loaded,
        path=str(entry.folder) if with_paths and entry.installed else None,
        size_bytes=entry.size_bytes,
        licence=entry.licence,
        remedy="" if entry.installed else remedy,
        tasks=_tasks(entry.name) if entry.installed else [],
        fingerprint=known_fingerprint(entry.folder) if entry.installed else "",
    )


def _tasks(model: str) -> list[str]:
    with contextlib.suppress(CheckpointError):
        return sorted(facts_of(registry.resolve(model).folder).tasks)
    return []

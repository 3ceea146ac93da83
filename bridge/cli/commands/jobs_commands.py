"""`jobs`: what the daemon has done, does and will do."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from msgspec import to_builtins

from bridge.cli.commands.render_commands import Force
from bridge.cli.options import completion
from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, handled, note, print_json, show
from bridge.model_words import model_words
from bridge.protocol.messages import JobStatus, State
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.client import Client

group = typer.Typer(help="Jobs of the daemon: list, show, logs, cancel, delete, result.", no_args_is_help=True)
ID = "As in `jobs list`; its beginning, or that of its last part, is enough."
JobId = Annotated[str, typer.Argument(metavar="JOB", help=ID, autocompletion=completion.jobs)]


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="jobs")


@group.command("list")
@handled
def list_jobs(
    state: Annotated[str | None, typer.Option("--state", metavar="|".join(get_args(State)), help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Jobs, newest first: id, time, task, state, length, seed, file and tags."""
    from bridge.cli.renders import job_facts
    from bridge.cli.renders.job_history import daemon_or_history

    known: State | None = next((s for s in get_args(State) if s == state), None)
    if state is not None and known is None:
        raise InvalidRequest("state", repr(state), "one of " + ", ".join(get_args(State)), "Choose one of these.")
    with daemon_or_history() as client:
        reply = client.jobs(known, limit)
    facts = job_facts.facts_of(job.job_id for job in reply.jobs)
    if as_json:
        return print_json(_with_facts(to_builtins(reply), facts))
    for job in reply.jobs:
        show(_line(job, facts.get(job.job_id)))
    if len(reply.jobs) < reply.total:
        note(f"{reply.total - len(reply.jobs)} more; see --limit.")
    if not reply.jobs:
        note("No jobs.")


@group.command("show")
@handled
def show_job(job_id: JobId, as_json: AsJson = False) -> None:
    """One job: state, stage, error."""
    from bridge.cli.renders.job_facts import facts_of, whole_id
    from bridge.cli.renders.job_history import daemon_or_history

    with daemon_or_history() as client:
        job = client.status(whole_id(job_id))
    facts = facts_of([job.job_id])
    if as_json:
        return print_json({**to_builtins(job), **facts.get(job.job_id, {})})
    show(_line(job, facts.get(job.job_id)))
    show(f"    model {model_words(job.model)}, priority {job.priority}, attempt {job.attempts}")
    if job.error is not None:
        show(f"    {job.error.message}")


@group.command("logs")
@handled
def show_logs(job_id: JobId, as_json: AsJson = False) -> None:
    """What happened in a job."""
    from bridge.cli.renders.job_facts import whole_id
    from bridge.cli.renders.job_history import daemon_or_history

    with daemon_or_history() as client:
        reply = client.logs(whole_id(job_id))
    if as_json:
        return print_json(to_builtins(reply))
    for line in reply.lines:
        show(f"{_clock(line.time)} {line.level.lower():8}{line.text}")


@group.command("cancel")
@handled
def cancel_job(job_id: JobId, as_json: AsJson = False) -> None:
    """Cancel a job; a finished one stays as it is."""
    from bridge.cli.renders.daemon_session import existing_daemon
    from bridge.cli.renders.job_facts import whole_id

    with existing_daemon() as client:
        job = client.cancel(whole_id(job_id))
    if as_json:
        return print_json(to_builtins(job))
    show(_line(job))


@group.command("delete")
@handled
def delete_jobs(
    job_ids: Annotated[
        list[str] | None, typer.Argument(metavar="JOB...", help=ID, autocompletion=completion.jobs)
    ] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", min=0, metavar="DAYS", help="All finished before that.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forget finished jobs, and their audio where no other job needs it. Files copied elsewhere stay."""
    from bridge.cli.renders.daemon_session import existing_daemon
    from bridge.cli.renders.job_facts import Freed, whole_id

    if not job_ids and older_than is None:
        raise InvalidRequest("jobs", "none", "jobs, or --older-than DAYS", "Name what may go; `jobs list` shows them.")
    with existing_daemon() as client:
        before = time.time() - (older_than or 0) * 86400
        named = [whole_id(text) for text in job_ids or []]
        old = _finished_before(client, before) if older_than is not None else []
        wanted = list(dict.fromkeys([*named, *old]))
        freed = Freed(wanted)
        for job_id in wanted:
            client.delete(job_id)
    if as_json:
        return print_json({"deleted": wanted, "freed_bytes": freed.bytes()})
    show(f"{len(wanted)} job(s) deleted, {freed.bytes() / 1e6:.1f} MB of audio freed.")


def _finished_before(client: Client, limit: float) -> list[str]:
    """Ids of all jobs that were finished before a time in seconds since 1970."""
    job_ids: list[str] = []
    offset, total = 0, 1
    while offset < total:
        reply = client.jobs(limit=500, offset=offset)
        job_ids += [job.job_id for job in reply.jobs if job.finished is not None and job.finished < limit]
        offset, total = offset + 500, reply.total
    return job_ids


@group.command("repair")
@handled
def repair_jobs(as_json: AsJson = False) -> None:
    """Make a damaged file of jobs again, from what can be read of it and from the recipes in the audio files."""
    from bridge.cli.renders.repairing import repair_home

    repaired = repair_home()
    if as_json:
        return print_json(to_builtins(repaired))
    show(f"{repaired.read} job(s) read, {repaired.from_audio} made from audio files; the old file is {repaired.kept}.")
    for path in repaired.damaged_audio:
        note(f"{path}: its bytes have changed; delete it, or keep it elsewhere.")


@group.command("result")
@handled
def job_result(
    job_id: JobId,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", parser=file_path, help="Copy the audio here.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """What a completed job made; with -o a copy of its audio."""
    from bridge.cli.renders.job_facts import whole_id
    from bridge.cli.renders.job_history import daemon_or_history
    from bridge.cli.renders.render import deliver

    with daemon_or_history() as client:
        deliver(client.result(whole_id(job_id)).reply, out, as_json, force)


def _line(job: JobStatus, facts: dict[str, Any] | None = None) -> str:
    from bridge.cli.renders.job_facts import words_of as words_of_facts
    from bridge.cli.terminal.progress import words_of

    percent = f" {round(100 * job.progress)} %" if job.steps else ""
    words = f"{job.state} ({words_of(job)}{percent})" if job.state in ("running", "queued") else job.state
    facts_text = words_of_facts(facts) if facts else ""
    return f"{job.job_id}  {_clock(job.created)}  {job.task:15}{words:10} {facts_text}".rstrip()


def _with_facts(reply: dict[str, Any], facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {**reply, "jobs": [{**job, **facts.get(job["job_id"], {})} for job in reply["jobs"]]}


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")

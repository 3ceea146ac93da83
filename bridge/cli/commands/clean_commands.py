"""`jobs clean` and `jobs keep`: old jobs and their audio, deleted now, or by the daemon as the settings say."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import structs, to_builtins

from bridge.cli.commands.jobs_commands import group
from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, handled, note, print_json, show
from engine.errors import InvalidRequest

Days = Annotated[float | None, typer.Option("--days", min=0, metavar="N", help="Keep what was finished within N days.")]
Count = Annotated[int | None, typer.Option("--count", min=0, metavar="N", help="Keep the newest N jobs.")]
Gigabytes = Annotated[
    float | None, typer.Option("--gigabytes", min=0, metavar="N", help="Keep the newest with N GB of audio.")
]
Projects = Annotated[
    list[Path] | None,
    typer.Option(
        "--projects",
        metavar="PATH",
        parser=file_path,
        help="Projects, or folders of them, whose audio stays; REAPER's recent ones are known.",
    ),
]


@handled
def clean_jobs(
    days: Days = None,
    count: Count = None,
    gigabytes: Gigabytes = None,
    projects: Projects = None,
    named: Annotated[bool, typer.Option("--named", help="Also what projects or recipes name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget finished jobs beyond the limits given, else beyond those of `jobs keep`, with their audio.

    Copies that were dragged into other programs go as well where their take is gone and no project names it.
    """
    from bridge.cli.renders.daemon_session import existing_daemon
    from bridge.daemon.durable.forgetting import decided
    from bridge.files.dragged import remove
    from bridge.protocol.home import home_folder

    limits = _limits(days, count, gigabytes, projects)
    if not limits.is_set:
        remedy = "Give one, or set it for good: acestep-bridge jobs keep --days 90"
        raise InvalidRequest("limits", "none", "--days, --count or --gigabytes", remedy)
    decision = decided(home_folder(), limits, time.time())
    going = [*decision.go, *(decision.named if named else ())]
    freed = decision.freed_bytes + (decision.named_bytes if named else 0)
    if not dry_run and going:
        with existing_daemon() as client, _bar(len(going)) as bar:
            for job_id in going:
                client.delete(job_id)
                bar.update(1)
    copies = [] if dry_run else _without_take(home_folder(), limits.projects)
    freed += remove(copies)
    if as_json:
        kept = {} if named else decision.named
        return print_json({"jobs": going, "bytes": freed, "named": kept, "dry_run": dry_run})
    if dry_run:
        _show_each(going)
    show(f"{len(going)} job(s), {freed / 1e6:.1f} MB of audio {'would go' if dry_run else 'deleted'}.")
    if decision.named and not named:
        first = next(iter(decision.named.values()))
        note(
            f"{len(decision.named)} job(s), {decision.named_bytes / 1e6:.1f} MB stay: {first}. --named takes them too."
        )


@handled
def keep_jobs(
    days: Days = None,
    count: Count = None,
    gigabytes: Gigabytes = None,
    projects: Projects = None,
    everything: Annotated[bool, typer.Option("--everything", help="No limit (the default).")] = False,
    as_json: AsJson = False,
) -> None:
    """What the daemon keeps by itself; without options, say it. What projects or recipes name always stays."""
    from bridge.jobs.retention import Limits, read_limits, write_limits
    from bridge.protocol.home import home_folder, make_home

    if everything or (days, count, gigabytes, projects) != (None, None, None, None):
        limits = Limits() if everything else _limits(days, count, gigabytes, projects)
        write_limits(make_home(home_folder()), limits)
    limits = read_limits(home_folder())
    if as_json:
        return print_json(to_builtins(limits))
    parts = [
        f"finished within {limits.days:g} days" if limits.days is not None else "",
        f"the newest {limits.count}" if limits.count is not None else "",
        f"the newest with {limits.gigabytes:g} GB of audio" if limits.gigabytes is not None else "",
    ]
    show(f"Kept: {', and '.join(part for part in parts if part) or 'every job'}.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group of jobs."""
    group.command("clean")(clean_jobs)
    group.command("keep")(keep_jobs)


def _limits(days: Any, count: Any, gigabytes: Any, projects: list[Path] | None) -> Any:
    """Those given, else the settings; with the projects of both."""
    from bridge.jobs.retention import Limits, read_limits
    from bridge.protocol.home import home_folder
    from bridge.reaper.resources import default_resource_path
    from bridge.system.platform import here

    kept = read_limits(home_folder())
    recent = default_resource_path(here()) / "reaper.ini"
    given = Limits(days=days, count=count, gigabytes=gigabytes)
    known = [*kept.projects, str(recent), *(str(path.absolute()) for path in projects or [])]
    return structs.replace(given if given.is_set else kept, projects=list(dict.fromkeys(known)))


def _without_take(home: Path, projects: list[str]) -> list[Path]:
    """Dragged copies that may go."""
    from bridge.files import AudioStore
    from bridge.files.dragged import FOLDER, forgotten
    from bridge.files.named_audio import named_in

    if not (home / FOLDER).is_dir():
        return []
    return forgotten(home, AudioStore(home / "audio"), named_in(projects))


def _show_each(job_ids: list[str]) -> None:
    from bridge.cli.renders import job_facts

    facts = job_facts.facts_of(job_ids)
    for job_id in job_ids:
        show(f"{job_id}  {job_facts.words_of(facts[job_id]) if job_id in facts else ''}".rstrip())


def _bar(length: int) -> Any:
    hidden = not sys.stderr.isatty()
    return typer.progressbar(length=length, label="jobs", file=sys.stderr, hidden=hidden)

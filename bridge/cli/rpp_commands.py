"""`rpp`: render into a REAPER project file, without REAPER; the result is another project file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.output import AsJson, handled, note, print_json, show
from bridge.cli.request_options import option_name
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.reaper.rpp_plan import ProjectJob, Task
    from bridge.reaper.rpp_render import ProjectResult

group = typer.Typer(help="REAPER project files, without REAPER.", no_args_is_help=True)
Project = Annotated[Path, typer.Argument(metavar="PROJECT.RPP", help="The project; it stays as it is.")]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="NEW.RPP", help="The project to write.")]
TrackName = Annotated[
    str | None, typer.Option("--track", metavar="NAME", help="Name, number or GUID of the track.", show_default=False)
]
Start = Annotated[
    str | None, typer.Option("--start-time", metavar="S", help="Seconds; else the project's time selection.")
]
End = Annotated[str | None, typer.Option("--end-time", metavar="S", help="Seconds.")]
Tags = Annotated[str | None, typer.Option("--tags", metavar="STR", help="Comma-separated tags of the style wanted.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other field, such as seed=8; repeatable.")
]
NewTrackToo = Annotated[bool, typer.Option("--new-track", help="Put the result on a new track, not on the item.")]
HELP = {
    "inpaint": "Regenerate a region of a track as a new take of its item.",
    "outpaint": "Music after (or before) an item: its track goes on.",
    "retake": "Another take of an item that was made here.",
    "generate": "Music from tags as a new item in the time selection.",
}
TASKS_OF = {"generate": "text-to-audio"}


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    for task, text in HELP.items():
        group.command(task, help=text)(_command(task))
    app.add_typer(group, name="rpp")


def _command(task: Any) -> Any:
    def run(
        project: Project,
        out: Out,
        track: TrackName = None,
        start_time: Start = None,
        end_time: End = None,
        tags: Tags = None,
        changes: Changes = None,
        new_track: NewTrackToo = False,
        as_json: AsJson = False,
    ) -> None:
        from bridge.reaper.rpp_plan import ProjectJob

        job = ProjectJob(
            task=task,
            project=project,
            out=out,
            track=track,
            fields=_fields(task, tags, changes or []),
            start_time=_seconds("start_time", start_time),
            end_time=_seconds("end_time", end_time),
            new_track=new_track,
        )
        _tell(_render(job), as_json)

    run.__name__ = f"rpp_{task}"
    return handled(run)


def _fields(task: Task, tags: str | None, changes: list[str]) -> dict[str, Any]:
    from bridge.cli.recipes import changes_of

    given = [f"tags={tags}"] if tags is not None else []
    return changes_of(TASKS_OF.get(task, task), [*given, *changes])


def _seconds(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(option_name(name), repr(text), "a number of seconds", "Say, for example, 8.5.") from None


def _render(job: ProjectJob) -> ProjectResult:
    from bridge.cli.daemon_session import daemon_session, finish_job
    from bridge.reaper.rpp_plan import make_plan
    from bridge.reaper.rpp_render import rendered_of, write_project

    plan = make_plan(job)
    with daemon_session() as client:
        made = [rendered_of(finish_job(client, part.request, part.name)) for part in plan.parts]
        return write_project(plan, made, job.out)


def _tell(result: ProjectResult, as_json: bool) -> None:
    for line in result.notes:
        note(f"Note: {line}")
    if as_json:
        seeds = [made.seed for made in result.rendered]
        return print_json(
            {"project": str(result.project), "audio": [str(path) for path in result.audio], "seeds": seeds}
        )
    show(str(result.project))
    for path, made in zip(result.audio, result.rendered, strict=True):
        note(f"    {path.name}: made by {made.model}, seed {made.seed}")

"""`rpp`: render into a REAPER project file, without REAPER; the result is another project file."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.commands.render_commands import words_argument, words_given
from bridge.cli.options.bars import EndBar, StartBar, times_of_bars
from bridge.cli.options.help_pages import TIMES
from bridge.cli.options.late import add_late
from bridge.cli.options.request_options import option_name, options_of, values_from
from bridge.cli.options.times import time_of
from bridge.cli.terminal.output import AsJson, handled, note, print_json, show
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.rpp.plan import Part, Plan, ProjectJob, Task
    from bridge.rpp.render import ProjectResult

group = typer.Typer(help="REAPER project files, without REAPER.", no_args_is_help=True)
Project = Annotated[Path, typer.Argument(metavar="PROJECT.RPP", help="The project; it stays as it is.")]
Out = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="NEW.RPP", help="The project to write.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Write over NEW.RPP if it is there already.")]
TrackName = Annotated[
    str | None, typer.Option("--track", metavar="NAME", help="Name, number or GUID of the track.", show_default=False)
]
Start = Annotated[
    str | None,
    typer.Option("--start-time", metavar="TIME", help="In the project; the start of its time selection unless given."),
]
End = Annotated[
    str | None,
    typer.Option("--end-time", metavar="TIME", help="In the project; the end of its time selection unless given."),
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any field, such as seed=8; repeatable.")
]
NewTrackToo = Annotated[bool, typer.Option("--new-track", help="Put the result on a new track, not on the item.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be rendered, and where it would go.")]
Prompt = Annotated[
    str | None, typer.Option("--prompt", metavar="TEXT", help="A description in plain words, instead of tags.")
]
OwnTags = Annotated[
    str | None,
    typer.Option("--tags", metavar="TEXT", help="The recipe's unless given; required for a take not made here."),
]
Tags = words_argument("tags")
HELP = {
    "inpaint": "Regenerate a region of a track as a new take of its item.",
    "outpaint": "Music after (or before) an item: its track goes on.",
    "retake": "Another take of an item that was made here.",
    "generate": "Music from tags as a new item in the time selection.",
    "lego": "One more instrument for a region, on a new track (ace-step-1.5-base; experimental).",
    "extract": "One instrument of an item alone, on a new track (ace-step-1.5-base; experimental).",
    "complete": "An item with further instruments, as a new take (ace-step-1.5-base; experimental).",
}
NAMES_INSTRUMENT = ("lego", "extract")  # the words after the project are the instrument, --track is the project's
TASKS_OF = {"generate": "text-to-audio"}
FROM_PROJECT = {  # fields that the project or these commands' own options say
    *("audio", "start_time", "end_time", "start_time_relative_to", "end_time_relative_to", "duration", "output"),
    *("extend_before_duration", "extend_after_duration", "tempo_map", "tempo", "meter", "downbeat_time"),
    *("format", "client_data", "request_id"),
}
EPILOG = f"{TIMES} Bars are those of the project's tempo."
_INSTEAD = "Times: --start-time and --end-time."


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    for task, text in HELP.items():
        add_late(group, task, partial(_command, task), epilog=EPILOG, help=text)
    app.add_typer(group, name="rpp")


def _command(task: Any) -> Any:
    def run(**options: Any) -> None:
        from bridge.rpp.plan import ProjectJob

        _check_out_is_there(options)
        start, end = _times(options)
        job = ProjectJob(
            task=task,
            project=options["project"],
            out=options["out"],
            track=options["track"],
            fields=_fields(task, options),
            start_time=start,
            end_time=end,
            new_track=options["new_track"],
            replace=options["force"],
        )
        if options["dry_run"]:
            return _tell_plan(job, options["as_json"])
        _tell(_render(job), options["as_json"])

    own = [
        *(_own("project", Project), _own("words", Tags, None), _own("track", TrackName, None)),
        *(_own("start", Start, None), _own("end", End, None)),
        *(_own("start_bar", StartBar, None), _own("end_bar", EndBar, None)),
    ]
    own += {"generate": [_own("prompt", Prompt, None)], "retake": [_own("tags", OwnTags, None)]}.get(task, [])
    last = [
        *(_own("new_track", NewTrackToo, False), _own("changes", Changes, None), _own("out", Out, None)),
        *(_own("force", Force, False), _own("dry_run", DryRun, False), _own("as_json", AsJson, False)),
    ]
    names = FROM_PROJECT | {option.name for option in own}
    fields = [o for o in options_of(TASKS_OF.get(task, task), _needed(task)) if o.name not in names]
    parameters = [*own, *fields, *last]
    run.__name__ = f"rpp_{task}"
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return handled(run)


def _needed(task: str) -> dict[str, str]:
    """When tags are required."""
    if task in (*NAMES_INSTRUMENT, "complete"):
        return {}
    return {"tags": "required, here or as TAGS" + ("; or --prompt" if task == "generate" else "")}


def _own(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _check_out_is_there(options: dict[str, Any]) -> None:
    if options["out"] is None and not options["dry_run"]:
        raise InvalidRequest("-o", "no file to write", "a name that ends in .RPP", "Say -o NEW.RPP, or --dry-run.")


def _fields(task: Task, options: dict[str, Any]) -> dict[str, Any]:
    from bridge.cli.renders.recipes import changes_of

    prompt = options.get("prompt")
    name = "prompt-to-audio" if prompt is not None else TASKS_OF.get(task, task)
    given = {key: value for key, value in options.items() if value is not None}
    if task in NAMES_INSTRUMENT:
        given.pop("track", None)  # of the project
        given |= words_given("track", options["words"], {})
    else:
        given |= words_given("tags", options["words"], options)
    if prompt is not None and "tags" in given:
        raise InvalidRequest("tags", "tags and --prompt", "one of them", "Leave one of them out.")
    changed = changes_of(_task_of_changes(task, name), options["changes"] or [])
    for field in changed.keys() & (FROM_PROJECT - {"format"}):
        got = f"--set {field}"
        raise InvalidRequest(field, got, "a field that the project does not say", f"Leave it out. {_INSTEAD}")
    return {**values_from(name, given), **changed}


def _task_of_changes(task: Task, name: str) -> str:
    """A retake may become an inpaint, whose fields are more."""
    return "inpaint" if task == "retake" else name


def _times(options: dict[str, Any]) -> tuple[float | None, float | None]:
    """start_time and end_time in seconds of the project, where they are given: as times, or as bars of its tempo."""
    given = {"start_time": options["start"], "end_time": options["end"]}
    times = {name: None if text is None else time_of(option_name(name), text) for name, text in given.items()}
    bars = {"start_time": options["start_bar"], "end_time": options["end_bar"]}
    for name, bar in bars.items():
        if bar is not None and times[name] is not None:
            got = f"--{name.split('_')[0]}-bar {bar} and {option_name(name)}"
            raise InvalidRequest(name, got, "one of them", "Leave one of them out.")
    if any(bar is not None for bar in bars.values()):
        times |= times_of_bars(_tempo_of(options["project"]), *bars.values())
    return times["start_time"], times["end_time"]


def _tempo_of(project: Path) -> list[Any]:
    """The project's tempo from its start on, as points of a request's tempo map."""
    from bridge.rpp.plan import check_out
    from bridge.rpp.project_file import Project
    from bridge.rpp.tempo_map import request_map
    from engine.grid.tempo_map import TempoMap

    check_out(project, None)
    points = request_map(Project.load(project).tempo, 0.0, float("inf"), 0.0, 0.0, 1.0)
    return list(TempoMap.from_points(points).points)


def _render(job: ProjectJob) -> ProjectResult:
    from bridge.cli.renders.daemon_session import daemon_session, finish_job
    from bridge.rpp.render import ready, rendered_of, write_project

    plan = _planned(job)
    with daemon_session() as client:
        rendered = [rendered_of(finish_job(client, ready(part), part.name)) for part in plan.parts]
        return write_project(plan, rendered, job.out or job.project)


def _planned(job: ProjectJob) -> Plan:
    """The plan, whose requests have been checked as the daemon does it. Raises InvalidRequest, UnknownThing."""
    from bridge.daemon import validate, views
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import read_linked
    from bridge.rpp.plan import make_plan

    plan = make_plan(job)
    if read_linked(home_folder()) is None:  # another machine knows its own models
        for part in plan.parts:
            given = getattr(part.request, "model", None) or ""
            model = views.check_model(given) if given else views.default_model()
            if validate.has_many_words(part.request):
                validate.check_lyrics(part.request, model)
    return plan


def _tell_plan(job: ProjectJob, as_json: bool) -> None:
    """What would be rendered; nothing is, and nothing is written."""
    plan = _planned(job)
    parts = [_described(part) for part in plan.parts]
    if as_json:
        return print_json({"parts": parts, "notes": list(plan.notes)})
    for shown_part in parts:
        show(f"{shown_part['name']}: {shown_part['request']['task']}, as {shown_part['place']}")
        for name, value in shown_part["request"].items():
            show(f"    {name}: {value}")
        if shown_part.get("excerpt"):
            show("    of the audio only {start_time:g} to {end_time:g} s are sent".format(**shown_part["excerpt"]))
    for line in plan.notes:
        note(f"Note: {line}")


def _described(part: Part) -> dict[str, Any]:
    from bridge.rpp.plan import OnItem
    from engine.requests import to_dict

    on_new = not isinstance(part.place, OnItem) and part.place.new
    place = "an item on a new track" if on_new else "an item"
    place = "a take of its item" if isinstance(part.place, OnItem) else place
    description = {"name": part.name, "place": place, "request": to_dict(part.request)}
    if part.excerpt is None:
        return description
    start, end = part.excerpt.seconds
    return {**description, "excerpt": {"start_time": start, "end_time": end}}


def _tell(result: ProjectResult, as_json: bool) -> None:
    for line in result.notes:
        note(f"Note: {line}")
    if as_json:
        seeds = [rendered.seed for rendered in result.rendered]
        return print_json(
            {"project": str(result.project), "audio": [str(path) for path in result.audio], "seeds": seeds}
        )
    show(str(result.project))
    for path, rendered in zip(result.audio, result.rendered, strict=True):
        note(f"    {path.name}: made by {rendered.model}, seed {rendered.seed}")

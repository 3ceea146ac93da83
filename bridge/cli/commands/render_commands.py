"""The render commands, one per task, with an option for each request field. Knows options; `render` does the work."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.options.bars import EndBar, StartBar
from bridge.cli.options.daemon_options import AudioUrls, check_audio_urls
from bridge.cli.options.help_pages import EPILOG
from bridge.cli.options.late import add_late
from bridge.cli.options.paths import file_path
from bridge.cli.options.request_options import NOT_PATHS, SOURCE, option_name, options_of, request_from
from bridge.cli.terminal.output import handled
from engine.errors import InvalidRequest
from engine.requests import TASKS, Request, fields_of

OWN = ("src", "words", "out", "force", "dry_run", "as_json", "audio_urls", "start_bar", "end_bar")
WORDS = {"prompt-to-audio": "prompt", "lego": "track", "extract": "track", "complete": "tracks"}  # else the tags
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="OUT",
        parser=file_path,
        help="File to write; its ending says the format. - is standard output, as WAV unless --format is given.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT where there is such a file.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and say what would be made, and where; render nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="SRC", help="The source: a file, sha256:... of the daemon's, a data: URI, or a URL (see --audio-urls)."
    ),
]
Clip = Annotated[
    Path | None,
    typer.Argument(metavar="SRC", parser=file_path, help="A clip that was made here (it holds its recipe)."),
]
HELP = {
    "text-to-audio": "Music from tags and lyrics.",
    "prompt-to-audio": "Music from a description in plain words.",
    "inpaint": "Regenerate a region of SRC, fitting the music around it; outside it every sample stays.",
    "outpaint": "New music before or after SRC.",
    "audio-to-audio": "SRC in another style (remix), with other words (lyrics), or as a starting point (reference).",
    "lego": "One more instrument for a region of SRC, alone (ace-step-1.5-base; experimental).",
    "extract": "One instrument of SRC, alone (ace-step-1.5-base; experimental).",
    "complete": "SRC with further instruments (ace-step-1.5-base; experimental).",
    "retake": "A variation of a clip that was made here.",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for task in TASKS:
        add_late(app, task, partial(_command, task), epilog=EPILOG, help=HELP.get(task) or TASKS[task].__doc__)


def _command(task: str) -> Callable[..., None]:
    """A function whose signature has the task's options, as Typer reads it."""

    def run(**options: Any) -> None:
        from bridge.cli.renders.render import Order, run_order

        urls = options.get("audio_urls")
        check_audio_urls(urls)
        request = _request(task, options)
        daemon = ("--audio-urls", urls) if urls else ()
        own = Order(
            request,
            options["out"],
            options["as_json"],
            protected=_file(options.get("src")),
            daemon_options=daemon,
            force=options["force"],
            dry_run=options["dry_run"],
        )
        run_order(own)

    run.__name__ = task.replace("-", "_")
    parameters = [*_arguments(task), *_fields(task), *_outputs(task)]
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return handled(run)


def _request(task: str, options: dict[str, Any]) -> Request:
    """The request of the options, its words and its region as they were given in other ways, too."""
    src, fields = options.get("src"), {name: value for name, value in options.items() if name not in OWN}
    fields = {**fields, **words_given(_word(task), options.get("words"), fields)}
    if "start_bar" in options:
        from bridge.cli.options.region import region_of

        fields = region_of(task, src, options, fields)
    if task == "retake" and src:
        from bridge.cli.renders.recipes import retake_of

        return retake_of(Path(src), fields)
    return request_from(task, fields if src is None else {SOURCE: src, **fields})


def words_given(name: str, words: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The tags (or prompt, or track) given as an argument. Raises `InvalidRequest` where the option is there too."""
    if words is None:
        return {}
    if fields.get(name) is not None:
        raise InvalidRequest(name, f"{words!r} and {option_name(name)}", f"the {name} once", "Leave one of them out.")
    return {name: words}


def _word(task: str) -> str:
    return WORDS.get(task, "tags")


def _needed(task: str) -> dict[str, str]:
    """When a required field is required."""
    name = _word(task)
    if task == "retake":
        return {"tags": "those of SRC unless given; required without SRC"}
    return {name: f"required, here or as {name.upper()}"}


def _file(src: Any) -> Path | None:
    return Path(src) if src and not str(src).startswith(NOT_PATHS) else None


def _arguments(task: str) -> list[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    words = _own("words", words_argument(_word(task)), None)
    if task == "retake":
        return [inspect.Parameter("src", kind, default=None, annotation=Clip), words]
    if SOURCE in fields_of(TASKS[task]):
        return [inspect.Parameter("src", kind, annotation=Source), words]
    return [words]


def words_argument(name: str) -> Any:
    """The annotation of an argument that stands for an option."""
    text = f"The same as {option_name(name)}."
    return Annotated[str | None, typer.Argument(metavar=name.upper(), help=text, show_default=False)]


def _fields(task: str) -> list[inspect.Parameter]:
    """The fields' options, bars behind the times that they stand for."""
    options = options_of(task, _needed(task))
    at = next((n for n, option in enumerate(options, 1) if option.name == "end_time"), None)
    if at is None:
        return options
    return [*options[:at], _own("start_bar", StartBar, None), _own("end_bar", EndBar, None), *options[at:]]


def _outputs(task: str) -> list[inspect.Parameter]:
    urls = [_own("audio_urls", AudioUrls, None)] if SOURCE in fields_of(TASKS[task]) else []
    own = [_own("out", Out, None), _own("force", Force, False), _own("dry_run", DryRun, False)]
    return [*own, _own("as_json", Json, False), *urls]


def _own(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

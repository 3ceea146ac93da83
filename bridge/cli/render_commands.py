"""The render commands, one per task, with an option for each request field. Knows options; `render` does the work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.daemon_options import AudioUrls, check_audio_urls
from bridge.cli.output import handled
from bridge.cli.paths import file_path
from bridge.cli.request_options import NOT_PATHS, SOURCE, options_of, request_from
from engine.requests import TASKS, Request, fields_of

OWN = ("src", "out", "force", "as_json", "audio_urls")
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="OUT", parser=file_path, help="File to write; its ending says the format."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT where there is such a file.")]
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
        app.command(task, help=HELP.get(task) or TASKS[task].__doc__)(_command(task))


def _command(task: str) -> Callable[..., None]:
    """A function whose signature has the task's options, as Typer reads it."""

    def run(**options: Any) -> None:
        from bridge.cli.render import Order, run_order

        src, urls = options.get("src"), options.get("audio_urls")
        check_audio_urls(urls)
        request = _request(task, src, {name: value for name, value in options.items() if name not in OWN})
        daemon = ("--audio-urls", urls) if urls else ()
        own = Order(request, options["out"], options["as_json"], _file(src), "", daemon, options["force"])
        run_order(own)

    run.__name__ = task.replace("-", "_")
    parameters = [*_source(task), *_outputs(), *options_of(task)]
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return handled(run)


def _request(task: str, src: Any, options: dict[str, Any]) -> Request:
    if task == "retake" and src:
        from bridge.cli.recipes import retake_of

        return retake_of(Path(src), options)
    return request_from(task, options if src is None else {SOURCE: src, **options})


def _file(src: Any) -> Path | None:
    return Path(src) if src and not str(src).startswith(NOT_PATHS) else None


def _source(task: str) -> list[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    if task == "retake":
        return [inspect.Parameter("src", kind, default=None, annotation=Clip)]
    if SOURCE in fields_of(TASKS[task]):
        return [inspect.Parameter("src", kind, annotation=Source), _own("audio_urls", AudioUrls, None)]
    return []


def _outputs() -> list[inspect.Parameter]:
    return [_own("out", Out, None), _own("force", Force, False), _own("as_json", Json, False)]


def _own(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

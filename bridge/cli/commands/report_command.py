"""`report`: how the joints of a finished file sound, in words and as a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, handled, print_json, show
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.demo.report_picture import Reported

_JOB = re.compile(r"\d{8}T\d{6}-[0-9a-f]+")
File = Annotated[str, typer.Argument(metavar="FILE|JOB", help="A file, or a job as in `jobs list`.")]
Start = Annotated[float | None, typer.Option("--start-time", metavar="SECONDS", help="Start of the new part.")]
End = Annotated[float | None, typer.Option("--end-time", metavar="SECONDS", help="End of the new part.")]
Picture = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="PNG", parser=file_path, help="Draw the report as a picture.")
]


@dataclass(frozen=True)
class _Clip:
    """A file that was made; `path` is where its audio lies, `name` what it is called."""

    path: Path
    name: str


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


@handled
def report(
    file: File, out: Picture = None, start_time: Start = None, end_time: End = None, as_json: AsJson = False
) -> None:
    """Say how a new part fits in a file: its recipe tells where it is, or --start-time and --end-time."""
    from bridge.demo.report_picture import Reported, draw_report, fades_of
    from engine.audio.files import read
    from engine.audio.metadata import read_recipe

    clip = _clip_of(file)
    audio = read(clip.path)
    start, end = _region(clip, audio.duration_seconds, start_time, end_time)
    title = f"{clip.name}, new from {start:.2f} s to {end:.2f} s"
    reported = Reported(audio, start, end, title, fades_of(read_recipe(clip.path)))
    found = reported.report()
    if out is not None:
        draw_report(reported, found, out)
    if as_json:
        return print_json({"file": str(clip.path), "start_time": start, "end_time": end, **found.to_dict()})
    _tell(reported, found.in_words(), out)


def _tell(reported: Reported, words: list[str], out: Path | None) -> None:
    show(reported.title)
    for sentence in words:
        show(f"    {sentence}")
    if out is not None:
        show(f"    The picture is {out}")


def _clip_of(text: str) -> _Clip:
    """The file of that name, else the first result of the job."""
    path = file_path(text)
    if path.exists() or not _JOB.fullmatch(text):
        return _Clip(path, path.name)
    from bridge.cli.renders.job_history import daemon_or_history

    with daemon_or_history() as client:
        made = client.result(text).first.audio
    return _Clip(Path(made.path or ""), made.file_name)


def _region(clip: _Clip, duration: float, start: float | None, end: float | None) -> tuple[float, float]:
    """Borders of the new part in seconds of the file: given, or those of its recipe."""
    if start is None and end is None:
        start, end = _of_recipe(clip, duration)
    first = 0.0 if start is None else start
    return first, duration if end is None else end


def _of_recipe(clip: _Clip, duration: float) -> tuple[float, float]:
    from engine.audio.metadata import read_recipe

    made = read_recipe(clip.path)
    if made is None:
        got = f"nothing for {clip.name}, which holds no recipe"
        raise InvalidRequest("start_time", got, "where the new part is", "Give --start-time and --end-time.")
    request: dict[str, Any] = made["request"]
    if request.get("task") != "inpaint" or request.get("output") == "clip":
        return _outpainted(request, duration)
    start, end = float(request.get("start_time") or 0.0), request.get("end_time")
    if request.get("start_time_relative_to") == "end":
        start = duration - start
    if end is None:
        return start, min(30.0, duration)
    return start, duration - float(end) if request.get("end_time_relative_to") == "end" else float(end)


def _outpainted(request: dict[str, Any], duration: float) -> tuple[float, float]:
    """What outpainting added on its longer side; of other tasks the whole file is new."""
    before = float(request.get("extend_before_duration") or 0.0)
    after = float(request.get("extend_after_duration") or 0.0)
    if request.get("task") != "outpaint" or request.get("output") == "clip":
        return 0.0, duration
    return (0.0, before) if before > after else (duration - after, duration)

"""`report`: how the joints of a finished file sound, in words and as a picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options.bars import EndBar, StartBar, tempo_points, times_of_bars
from bridge.cli.options.paths import file_path
from bridge.cli.options.region import LONGEST_UNASKED, ROUNDED
from bridge.cli.options.request_options import option_name, value_of
from bridge.cli.options.times import clock, time_of
from bridge.cli.terminal.output import AsJson, handled, print_json, show
from engine.errors import InvalidRequest
from engine.requests import TASKS, fields_of

if TYPE_CHECKING:
    from bridge.demo.report_picture import Reported

_JOB = re.compile(r"\d{8}T\d{6}-[0-9a-f]+")
File = Annotated[str, typer.Argument(metavar="FILE|JOB", help="A file, or a job as in `jobs list`.")]
Start = Annotated[
    str | None, typer.Option("--start-time", metavar="TIME", help="Start of the new part: 8.5 or 1:08.5.")
]
End = Annotated[str | None, typer.Option("--end-time", metavar="TIME", help="End of the new part.")]
Tempo = Annotated[str | None, typer.Option("--tempo", metavar="BPM", help="For bars, where no recipe says it.")]
Meter = Annotated[str | None, typer.Option("--meter", metavar="METER", help="For bars: such as 6/8.")]
Downbeat = Annotated[str | None, typer.Option("--downbeat-time", metavar="TIME", help="For bars: where bar 1 begins.")]
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
    file: File,
    out: Picture = None,
    start_time: Start = None,
    end_time: End = None,
    start_bar: StartBar = None,
    end_bar: EndBar = None,
    tempo: Tempo = None,
    meter: Meter = None,
    downbeat_time: Downbeat = None,
    as_json: AsJson = False,
) -> None:
    """Say how a new part fits in a file: its recipe tells where it is, or --start-time and --end-time."""
    from bridge.demo.report_picture import Reported, draw_report, fades_of
    from engine.audio.files import probe, read
    from engine.audio.metadata import read_recipe

    clip = _clip_of(file)
    recipe, length = read_recipe(clip.path), probe(clip.path).duration_seconds
    request = (recipe or {}).get("request")
    made = request if isinstance(request, dict) else None
    grid = {"tempo": tempo, "meter": meter, "downbeat_time": downbeat_time}
    times = _times((start_time, end_time), (start_bar, end_bar), _grid(made or {}, grid))
    start, end = _region(clip, made, length, *times)
    _check_out(out, clip.path)
    title = f"{clip.name}, new from {start:.2f} s to {end:.2f} s"
    reported = Reported(read(clip.path), start, end, title, fades_of(recipe))
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


def _check_out(out: Path | None, audio: Path) -> None:
    """Raises InvalidRequest for a picture that would replace what it shows."""
    if out is not None and out.exists() and out.samefile(audio):
        raise InvalidRequest("--out", str(out), "another file than the audio", "Name the picture, such as report.png.")


def _grid(request: Mapping[str, Any], given: Mapping[str, str | None]) -> dict[str, Any]:
    """What tells bars: the fields of the recipe's request, and in place of them those that are given."""
    known = fields_of(TASKS["inpaint"])
    fields = {name: value_of(known[name], text) for name, text in given.items() if text is not None}
    made = {name: request[name] for name in ("tempo_map", "tags", *given) if request.get(name) is not None}
    if "tempo" in fields:
        made.pop("tempo_map", None)
    return {**made, **fields}


def _times(
    times: tuple[str | None, str | None], bars: tuple[int | None, int | None], grid: dict[str, Any]
) -> tuple[float | None, float | None]:
    """Start and end in seconds of the file, where they are given: as times, or as bars. Raises InvalidRequest."""
    names = "start_time", "end_time"
    for name, text, bar in zip(names, times, bars, strict=True):
        if text is not None and bar is not None:
            got = f"--{name.split('_')[0]}-bar {bar} and {option_name(name)}"
            raise InvalidRequest(name, got, "one of them", "Leave one of them out.")
    found = {name: time_of(name, text) for name, text in zip(names, times, strict=True) if text is not None}
    if any(bar is not None for bar in bars):
        found |= times_of_bars(tempo_points(grid), *bars)
    return found.get("start_time"), found.get("end_time")


def _region(
    clip: _Clip, request: Mapping[str, Any] | None, length: float, start: float | None, end: float | None
) -> tuple[float, float]:
    """Borders of the new part in seconds of the file: given, or those of its recipe. Raises InvalidRequest."""
    if start is None and end is None:
        start, end = _of_recipe(clip, request, length)
    first, last = 0.0 if start is None else start, length if end is None else end
    last = length if abs(last - length) < ROUNDED else last
    if not 0 <= first < length:
        raise InvalidRequest("start_time", clock(first), f"0:00 to less than {clock(length)}", "Say another one.")
    if not first < last <= length:
        raise InvalidRequest(
            "end_time", clock(last), f"more than {clock(first)}, up to {clock(length)}", "Say another."
        )
    return first, last


def _of_recipe(clip: _Clip, request: Mapping[str, Any] | None, duration: float) -> tuple[float, float]:
    if request is None:
        got = f"nothing for {clip.name}, which holds no recipe"
        raise InvalidRequest("start_time", got, "where the new part is", "Give --start-time and --end-time.")
    try:
        return _inpainted(request, duration)
    except (TypeError, ValueError):
        got = f"a recipe in {clip.name} that says no times"
        raise InvalidRequest("start_time", got, "one of a render", "Give --start-time and --end-time.") from None


def _inpainted(request: Mapping[str, Any], duration: float) -> tuple[float, float]:
    """The region of an inpaint in its whole source. Raises TypeError and ValueError for times that are none."""
    if request.get("task") != "inpaint" or request.get("output") == "clip":
        return _outpainted(request, duration)
    start, end = float(request.get("start_time") or 0.0), request.get("end_time")
    if request.get("start_time_relative_to") == "end":
        start = duration - start
    if end is None:
        return start, min(LONGEST_UNASKED, duration)
    return start, duration - float(end) if request.get("end_time_relative_to") == "end" else float(end)


def _outpainted(request: Mapping[str, Any], duration: float) -> tuple[float, float]:
    """What outpainting added on its longer side; of other tasks the whole file is new."""
    before = float(request.get("extend_before_duration") or 0.0)
    after = float(request.get("extend_after_duration") or 0.0)
    if request.get("task") != "outpaint" or request.get("output") == "clip":
        return 0.0, duration
    return (0.0, before) if before > after else (duration - after, duration)

"""`demo`: the main job on real input, everything embedded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.options.times import clock
from bridge.cli.terminal.output import AsJson, as_called, handled, note, print_json, show
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.client import Client
    from bridge.demo.run import DemoOrder, DemoResult, OwnAudio

AROUND_SECONDS = 2.0  # played on each side of the region


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


@handled
def demo(
    audio: Annotated[
        Path | None, typer.Option("--audio", metavar="FILE", parser=file_path, help="Your own file.")
    ] = None,
    start_time: Annotated[
        str | None, typer.Option("--start-time", metavar="TIME", help="With --audio: 8.5 or 1:08.5.")
    ] = None,
    end_time: Annotated[str | None, typer.Option("--end-time", metavar="TIME", help="With --audio.")] = None,
    tags: Annotated[str | None, typer.Option("--tags", metavar="TEXT", help="With --audio: the style wanted.")] = None,
    lyrics: Annotated[str, typer.Option("--lyrics", metavar="TEXT", help="Words of the new part.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="FOLDER", parser=file_path, help="A new folder; else acestep-demo, numbered."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="TEXT", help="Model by name or folder.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other field, such as seed=8.")
    ] = None,
    play: Annotated[
        bool, typer.Option("--play", help="At the end, play what was there and what is there now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Regenerate two bars of a song (or a part of your own) and leave projects, WAVs and a picture in a folder."""
    from bridge.cli.renders.recipes import changes_of
    from bridge.demo.run import DemoOrder

    fields = changes_of("inpaint", [*([f"model={model}"] if model else []), *(changes or [])])
    result = _run(DemoOrder(folder, _own(audio, start_time, end_time, tags), lyrics, fields))
    if as_json:
        print_json(_as_json(result))
    else:
        _tell(result)
    if play:
        _play(result)


def _play(result: DemoResult) -> None:
    """The region before and after, with a little around it, in turn."""
    from bridge.cli.commands.play_commands import matched_gains, play_in_turn, read_part

    first, last = max(0.0, result.story.start - AROUND_SECONDS), result.story.end + AROUND_SECONDS
    pair = [(path.name, read_part(path, str(first), str(last))) for path in (result.before, result.after)]
    gains = matched_gains([audio for _, audio in pair])
    play_in_turn([(name, audio, gain) for (name, audio), gain in zip(pair, gains, strict=True)])


def _own(audio: Path | None, start: str | None, end: str | None, tags: str | None) -> OwnAudio | None:
    from bridge.cli.options.request_options import value_of
    from bridge.demo.run import OwnAudio
    from engine.requests import Inpaint, fields_of

    given = {"start_time": start, "end_time": end, "tags": tags}
    if audio is None:
        for name, value in given.items():
            if value is not None:
                remedy = "Name your file with --audio, or leave the region out to hear the package's song."
                raise InvalidRequest(name, str(value), "it together with --audio", remedy)
        return None
    for name, value in given.items():
        if value is None:
            example = '--audio song.wav --start-time 8 --end-time 12 --tags "house, 124 bpm, drums"'
            raise InvalidRequest(name, "nothing", "a value, since --audio is given", f"For example: {example}")
    first, last = (float(value_of(fields_of(Inpaint)[name], given[name])) for name in ("start_time", "end_time"))
    return OwnAudio(audio, first, last, tags or "")


def _run(order: DemoOrder) -> DemoResult:
    from bridge.cli.renders.daemon_session import daemon_session, finish_job
    from bridge.cli.terminal.seam_words import seam_in_words
    from bridge.demo.run import Tools, run_demo
    from bridge.protocol.home import home_folder
    from bridge.system.processor_rates import processor_rates

    with daemon_session() as client:
        client.hello(warm="model" not in order.fields)  # the model loads while the tracks are written
        tools = Tools(
            render=lambda request: finish_job(client, request, "demo"),
            say=note,
            seam_in_words=seam_in_words,
            device=lambda: _device(client),
            rates=lambda: processor_rates(home_folder()),
            as_typed=as_called,
        )
        return run_demo(order, tools)


def _device(client: Client) -> str:
    return client.hello().engine.device or "cpu"


def _tell(result: DemoResult) -> None:
    story = result.story
    show(f"{result.folder}")
    show(f"    {story.track}, {story.start:g} s to {story.end:g} s: regenerated by {story.model}, seed {story.seed}")
    show(f"    in {result.seconds:.0f} seconds. README.txt there says what is what.")
    for line in story.seam:
        show(f"    {line}")
    show()
    show(
        f"Listen to {result.before.name}, then to {result.after.name}: from {clock(story.start)} to {clock(story.end)}"
    )
    show(f"the {story.track} are new. Both, equally loud, one after the other:")
    show(f"    acestep-bridge compare {_from_here(result.before)} {_from_here(result.after)}")
    show()
    show("Next: close REAPER and run")
    show("    acestep-bridge reaper install")
    show("then, in REAPER: select a time range on a track, press ? for the action list, type acestep, and run")
    show("    acestep_Regenerate time selection as new take")
    show()
    for line in story.offer:
        show(line)


def _from_here(path: Path) -> str:
    """The path as it can be typed where the command runs."""
    import shlex

    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _as_json(result: DemoResult) -> dict[str, Any]:
    from msgspec import to_builtins

    from bridge.demo.run import REGENERATED

    return {
        "folder": str(result.folder),
        "project": str(result.folder / REGENERATED),
        "audio": str(result.take),
        "before": str(result.before),
        "after": str(result.after),
        "files": sorted(path.name for path in result.folder.iterdir()),
        "region": {"start_time": result.story.start, "end_time": result.story.end},
        "model": to_builtins(result.result.model),
        "seed": result.result.seed,
        "seam_report": result.result.seam_report,
        "recipe": result.result.recipe,
        "seconds": result.seconds,
    }

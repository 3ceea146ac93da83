"""`rpp`: regenerate in a REAPER project file, without REAPER; the result is another project file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.output import AsJson, handled, print_json, show

group = typer.Typer(help="REAPER project files, without REAPER.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="rpp")


@group.command("inpaint")
@handled
def inpaint(
    project: Annotated[Path, typer.Argument(metavar="PROJECT.RPP", help="The project; it stays as it is.")],
    track: Annotated[str, typer.Option("--track", metavar="NAME", help="Name, number or GUID of the track.")],
    tags: Annotated[str, typer.Option("--tags", metavar="STR", help="Comma-separated tags of the style wanted.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="NEW.RPP", help="The project to write.")],
    start_time: Annotated[
        float | None, typer.Option("--start-time", metavar="S", help="Seconds; else the project's time selection.")
    ] = None,
    end_time: Annotated[float | None, typer.Option("--end-time", metavar="S", help="Seconds.")] = None,
    lyrics: Annotated[str, typer.Option("--lyrics", metavar="STR", help="Words of the new part.")] = "",
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other field; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Regenerate a region of a track as a new take of its item, in a new project file."""
    from bridge.cli.daemon_session import daemon_session, finish_job
    from bridge.cli.recipes import changes_of
    from bridge.reaper.project_take import Wish, plan_take

    fields = changes_of("inpaint", changes or ())
    wish = Wish(project, out, track, tags, lyrics, start_time, end_time, fields)
    plan = plan_take(wish)
    with daemon_session() as client:
        result = finish_job(client, plan.request, "rpp inpaint")
        made = plan.finish(result)
    if as_json:
        return print_json({"project": str(made.project), "audio": str(made.audio), "seed": result.seed})
    show(str(made.project))
    show(f"    take: {made.audio}, made by {result.model.description or result.model.name}, seed {result.seed}")

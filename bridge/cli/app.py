"""The commands put together. Knows what there is, not what it does."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.commands import (
    ardour_commands,
    clean_commands,
    daemon_commands,
    demo_command,
    doctor_command,
    effects_commands,
    gateway_command,
    jobs_commands,
    keys_commands,
    link_command,
    logs_command,
    midi_commands,
    models_commands,
    osc_command,
    play_commands,
    reaper_commands,
    recipe_commands,
    render_commands,
    report_command,
    rpp_commands,
    schema_command,
    serve_command,
    service_commands,
    studio_command,
)
from bridge.cli.usage import Commands

app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Regenerate a part of a song on your own machine: ACE-Step, driven from a terminal, REAPER or OSC.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"acestep-bridge {version('acestep-bridge')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


for part in (
    daemon_commands,
    demo_command,
    serve_command,
    render_commands,
    recipe_commands,
    report_command,
    jobs_commands,
    clean_commands,
    models_commands,
    effects_commands,
    osc_command,
    play_commands,
    midi_commands,
    gateway_command,
    studio_command,
    reaper_commands,
    ardour_commands,
    rpp_commands,
    doctor_command,
    logs_command,
    schema_command,
    keys_commands,
    link_command,
    service_commands,
):
    part.add_to(app)

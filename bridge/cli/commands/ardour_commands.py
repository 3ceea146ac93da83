"""`ardour`: put the scripts into Ardour, take them out, say how things stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, handled, print_json, show
from bridge.cli.terminal.points import show_points

if TYPE_CHECKING:
    from bridge.ardour.installation import ArdourReport

group = typer.Typer(help="The actions in Ardour: install, uninstall, status.", no_args_is_help=True)
Config = Annotated[
    Path | None,
    typer.Option(
        "--config-folder",
        metavar="FOLDER",
        parser=file_path,
        help="Ardour's configuration folder; each version's that is there by default.",
    ),
]
NEXT = (
    "Next: start Ardour, select a range on a track (range tool), run Edit > Lua Scripts > ACE-Step: Regenerate range.\n"
    "Keys: Window > Keyboard Shortcuts, search for ACE-Step."
)


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="ardour")


@group.command("install")
@handled
def install(config_folder: Config = None, as_json: AsJson = False) -> None:
    """Install or update the actions. Ardour must be closed; its list of scripts has a backup."""
    from bridge.ardour.installation import ArdourOptions
    from bridge.ardour.installation import install as carry_out

    reports = carry_out(ArdourOptions(config_folder=config_folder))
    if as_json:
        return print_json({"folders": [_as_json(report) for report in reports]})
    for report in reports:
        _tell(report, "Installed in" if report.changed else "Already installed in")
        for slot in report.slots:
            show(f"    action: {slot.name} (LuaAction/script-{slot.number})")
    show(NEXT)
    from bridge.cli.renders.daemon_session import note_another_daemon

    note_another_daemon()


@group.command("uninstall")
@handled
def uninstall(config_folder: Config = None, as_json: AsJson = False) -> None:
    """Take everything out of Ardour again. Ardour must be closed."""
    from bridge.ardour.installation import ArdourOptions
    from bridge.ardour.installation import uninstall as carry_out

    reports = carry_out(ArdourOptions(config_folder=config_folder))
    if as_json:
        return print_json({"folders": [_as_json(report) for report in reports]})
    for report in reports:
        _tell(report, "Taken out of" if report.changed else "Nothing to do in")


@group.command("status")
@handled
def status(config_folder: Config = None, as_json: AsJson = False) -> None:
    """Each point that has to be right, with what to do where it is not. Exit code 1 where something is missing."""
    from bridge.ardour.installation import ArdourOptions
    from bridge.ardour.installation import status as look

    show_points(look(ArdourOptions(config_folder=config_folder)), as_json)


def _tell(report: ArdourReport, what: str) -> None:
    show(f"{what} {report.folder}: {len(report.changed)} file(s) changed.")


def _as_json(report: ArdourReport) -> dict[str, Any]:
    return {
        "config_folder": str(report.folder),
        "changed": [str(path) for path in report.changed],
        "actions": [{"name": slot.name, "action": f"LuaAction/script-{slot.number}"} for slot in report.slots],
    }

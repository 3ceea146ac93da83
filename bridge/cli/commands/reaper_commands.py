"""`reaper`: put the scripts into REAPER, take them out, say how things stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, handled, print_json, show
from bridge.cli.terminal.points import show_points
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.reaper.install import InstallReport

group = typer.Typer(help="The actions in REAPER: install, uninstall, status.", no_args_is_help=True)
Resources = Annotated[
    Path | None,
    typer.Option(
        "--resource-path",
        metavar="FOLDER",
        parser=file_path,
        help="REAPER's resource folder, for portable installations.",
    ),
]
NEXT = (
    "Next: start REAPER, select a time range on a track, press ? for the action list, type acestep, and run\n"
    "    acestep_{action}"
)


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="reaper")


@group.command("install")
@handled
def install(
    resource_path: Resources = None,
    osc: Annotated[bool, typer.Option("--osc", help="Let REAPER listen for OSC, for control surfaces.")] = False,
    as_json: AsJson = False,
) -> None:
    """Install or update the actions. REAPER must be closed; every changed file has a backup."""
    from bridge.reaper.install import InstallOptions
    from bridge.reaper.install import install as carry_out
    from bridge.reaper.osc_device import OscDevice

    device = OscDevice(listen_port=9726, send_port=9725, pattern="acestep")  # 9725 is where `osc` listens
    report = carry_out(InstallOptions(resource_path=resource_path, osc=device if osc else None))
    if as_json:
        return print_json(_as_json(report))
    _tell(report, "Installed in" if report.changed else "Already installed in")
    for action in report.actions:
        show(f"    action: {action.name}")
    show(NEXT.format(action="Regenerate time selection as new take"))
    from bridge.cli.renders.daemon_session import note_another_daemon

    note_another_daemon()


@group.command("uninstall")
@handled
def uninstall(resource_path: Resources = None, as_json: AsJson = False) -> None:
    """Take everything out of REAPER again. REAPER must be closed."""
    from bridge.reaper.install import uninstall as carry_out

    report = carry_out(resource_path)
    if as_json:
        return print_json(_as_json(report))
    _tell(report, "Taken out of" if report.changed else "Nothing to do in")


@group.command("status")
@handled
def status(resource_path: Resources = None, as_json: AsJson = False) -> None:
    """Each point that has to be right, with what to do where it is not. Exit code 1 where something is missing."""
    from bridge.reaper.install import InstallOptions
    from bridge.reaper.install_status import status as look

    show_points(look(InstallOptions(resource_path=resource_path)), as_json)


@group.command("index")
@handled
def index(
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where the scripts' folder can be downloaded.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", parser=file_path, help="File to write, else stdout.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="Of the release, ISO 8601; else now.")
    ] = None,
) -> None:
    """Write ReaPack's index.xml from the scripts' headers (for a release)."""
    from datetime import UTC, datetime

    from bridge.reaper.reapack import index_xml
    from bridge.system.atomic import write_atomic

    try:
        when = datetime.fromisoformat(time) if time else datetime.now(UTC)
    except ValueError:
        raise InvalidRequest("--time", repr(time), "ISO 8601", "Say, for example, 2026-11-24T12:00:00Z.") from None
    text = index_xml(url, when)
    if out is None:
        return typer.echo(text, nl=False)
    write_atomic(out, text.encode())
    show(str(out))


def _tell(report: InstallReport, what: str) -> None:
    show(f"{what} {report.resource_path}: {len(report.changed)} file(s) changed.")
    for backup in report.backups:
        show(f"    backup: {backup.name}")
    for line in report.notes:
        show(f"    {line}")


def _as_json(report: InstallReport) -> dict[str, Any]:
    return {
        "resource_path": str(report.resource_path),
        "changed": [str(path) for path in report.changed],
        "backups": [str(path) for path in report.backups],
        "actions": [{"name": action.name, "id": action.command_id} for action in report.actions],
        "notes": report.notes,
    }

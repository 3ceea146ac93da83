"""`logs`: what the daemon, its engine and the other processes have logged. Asks no daemon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer

from bridge.cli.terminal.output import AsJson, Exit, handled, note, print_json, show
from bridge.log import LEVELS
from bridge.log_reading import PROCESSES, Entry, follow, last
from engine.errors import InvalidRequest

OF_THE_DAEMON = ("daemon", "engine")
Lines = Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, max=100_000, help="How many entries.")]
Level = Annotated[
    str, typer.Option("--level", metavar="|".join(LEVELS), help="Only this level and what is graver than it.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")]
Process = Annotated[
    list[str] | None, typer.Argument(metavar="PROCESS...", help=f"{', '.join(PROCESSES)}; all where none is named.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs")(logs)


@handled
def logs(
    process: Process = None,
    lines: Lines = 50,
    level: Level = "debug",
    follow_on: Follow = False,
    as_json: AsJson = False,
) -> None:
    """What the processes have logged, newest last. `jobs logs` has what happened in one job."""
    for name in process or ():
        if name not in PROCESSES:
            remedy = "Choose one of these, or none for all."
            raise InvalidRequest("process", repr(name), "one of " + ", ".join(PROCESSES), remedy)
    tell(tuple(dict.fromkeys(process or PROCESSES)), lines, level, follow_on, as_json)


def tell(processes: tuple[str, ...], lines: int, level: str, follow_on: bool, as_json: bool) -> None:
    """Show what these logged last and, if wanted, what comes. Raises InvalidRequest."""
    from bridge.protocol.home import home_folder

    if level not in LEVELS:
        raise InvalidRequest("--level", repr(level), "one of " + ", ".join(LEVELS), "Choose one of these.")
    home = home_folder()
    coming = follow(home, processes, level)
    found = [entry for name in processes for entry in last(home, name, lines, level)]
    found = sorted(found, key=lambda entry: entry.time)[-lines:] if lines else []
    if as_json and not follow_on:
        return print_json({"entries": [asdict(entry) for entry in found]})
    _show(found, as_json)
    if not found and not follow_on:
        note("Nothing was logged yet.")
    if follow_on:
        try:
            _show(coming, as_json)
        except KeyboardInterrupt:
            raise typer.Exit(int(Exit.DONE)) from None


def _show(found: Iterable[Entry], as_json: bool) -> None:
    import json

    for entry in found:
        show(json.dumps(asdict(entry)) if as_json else entry.text())

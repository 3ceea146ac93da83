"""`serve`: a daemon in this terminal. Knows the daemon's entry point, nothing behind it."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.output import handled


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


@handled
def serve(
    bind: Annotated[
        str | None,
        typer.Option("--bind", metavar="ENDPOINT", help="Listen here too, such as tcp://192.168.1.5:49400 (CURVE)."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="STR", help="Model by name or folder.")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="STR", help="auto, cuda, mps or cpu.")] = None,
) -> None:
    """Run the daemon until Ctrl-C. REAPER, OSC, programs and the other commands use it."""
    raise SystemExit(run_daemon(bind, model, device))


def run_daemon(bind: str | None, model: str | None, device: str | None) -> int:
    """The daemon's exit code."""
    from bridge.daemon.main import main

    words = []
    for name, value in (("--bind", bind), ("--model", model), ("--device", device)):
        words += [name, value] if value else []
    return int(main(words) or 0)

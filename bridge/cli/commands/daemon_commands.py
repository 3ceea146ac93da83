"""`daemon`: the daemon that runs, seen and ended. Knows no queue."""

from __future__ import annotations

import time

import typer
from msgspec import to_builtins

from bridge.cli.commands.logs_command import OF_THE_DAEMON, Follow, Level, Lines, tell
from bridge.cli.terminal.output import AsJson, Exit, handled, print_json, show
from bridge.model_words import model_words
from bridge.system.own_code import why_another

group = typer.Typer(help="The daemon that runs: status, logs, stop.", no_args_is_help=True, rich_markup_mode=None)
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="daemon")


@group.command("status")
@handled
def status(as_json: AsJson = False) -> None:
    """Whether a daemon runs, with which model, and how many jobs wait. Exit code 1 where none does."""
    from bridge.cli.renders.daemon_session import running_daemon

    hello = running_daemon()
    if as_json:
        print_json({"running": hello is not None, "daemon": to_builtins(hello) if hello else None})
    elif hello is None:
        show("No daemon runs. Start one: acestep-bridge serve")
    else:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(hello.started))
        show(f"Process {hello.pid}, version {hello.package_version}, since {since}, home {hello.home}")
        show(f"    {model_words(hello.model)}; {hello.queued} job(s) waiting")
        if why := why_another(hello.updated, hello.software):
            show(f"    {why}")
    if hello is None:
        raise typer.Exit(int(Exit.FAILED))


@group.command("logs")
@handled
def daemon_logs(lines: Lines = 50, level: Level = "debug", follow_on: Follow = False, as_json: AsJson = False) -> None:
    """What the daemon and its engine have logged, newest last: `logs daemon engine`."""
    tell(OF_THE_DAEMON, lines, level, follow_on, as_json)


@group.command("stop")
@handled
def stop(as_json: AsJson = False) -> None:
    """End the daemon. A job that renders goes back to the queue; the next daemon goes on with it."""
    from bridge.cli.renders.daemon_session import existing_daemon
    from bridge.protocol.errors import BridgeError, DaemonNotRunning
    from bridge.protocol.home import home_folder
    from bridge.protocol.lock import is_held

    pid = None
    try:
        with existing_daemon() as client:
            pid = client.hello().pid
            client.shutdown()
    except DaemonNotRunning:
        pass
    limit = time.monotonic() + STOP_SECONDS
    while pid is not None and is_held(home_folder() / "daemon.lock"):
        if time.monotonic() > limit:
            late = f"The daemon (process {pid}) has not ended within {STOP_SECONDS:.0f} s"
            raise BridgeError(f"{late}; `acestep-bridge daemon logs` says more.")
        time.sleep(POLL_SECONDS)
    if as_json:
        return print_json({"stopped": pid is not None, "pid": pid})
    show("No daemon runs." if pid is None else f"The daemon (process {pid}) has ended.")

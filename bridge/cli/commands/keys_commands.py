"""`keys`: who may connect from another machine. Public keys may be shown to anybody; secret ones are never printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.terminal.output import AsJson, handled, print_json, show

group = typer.Typer(help="Keys for clients on other machines (CURVE).", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="keys")


def _home() -> Path:
    from bridge.protocol.home import home_folder, make_home

    return make_home(home_folder())


@group.command("new")
@handled
def new(as_json: AsJson = False) -> None:
    """Make this machine's key pair (once) and print its public key, for the other machine's `keys allow`."""
    from bridge.protocol.keys import own_pair

    public = own_pair(_home()).public
    if as_json:
        return print_json({"public": public})
    show(public)


@group.command("allow")
@handled
def allow(
    name: Annotated[str, typer.Argument(help="A name for that client.")],
    public: Annotated[str, typer.Argument(metavar="PUBLIC_KEY", help="What `keys new` printed there.")],
    may: Annotated[
        list[str] | None, typer.Option("--may", metavar="RIGHT", help="Besides rendering: unload, controls.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a client of another machine in: it renders, and sees its own jobs only."""
    from bridge.protocol import keys

    keys.allow(_home(), name, public, may or ())
    if as_json:
        return print_json({"allowed": name})
    show(f"{name} may connect to this machine's daemon (where `serve --bind` listens).")


@group.command("list")
@handled
def list_keys(as_json: AsJson = False) -> None:
    """Who may connect."""
    from bridge.protocol import keys

    allowed = keys.allowed(_home())
    if as_json:
        return print_json({"clients": allowed})
    for name, public in allowed.items():
        show(f"{name}  {public}")
    if not allowed:
        show("Nobody but programs on this machine. `keys allow NAME PUBLIC_KEY` lets another one in.")


@group.command("revoke")
@handled
def revoke(name: Annotated[str, typer.Argument(help="As in `keys list`.")], as_json: AsJson = False) -> None:
    """Let a client in no more, from its next message on."""
    from bridge.protocol import keys

    keys.revoke(_home(), name)
    if as_json:
        return print_json({"revoked": name})
    show(f"{name} is refused from now on.")

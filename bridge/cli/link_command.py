"""`link`: another machine renders for this one. Knows link files and who answers, no rendering."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.output import AsJson, handled, note, print_json, show, there
from bridge.cli.paths import file_path
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.protocol.home import Connection, Endpoints
    from bridge.protocol.linked import Linked
    from bridge.protocol.messages import ModelName

PORT = 49400
CONNECT_SECONDS = 8.0
EVERYWHERE = ("0.0.0.0", "::", "*")
HERE = "This machine renders by itself. To let a machine with a GPU render for it:"
STEPS_THERE = """
 1. there:  acestep-bridge keys allow {name} '{public}'
            acestep-bridge serve --bind tcp://ITS-ADDRESS:{port}
            acestep-bridge link {name} -o {name}.link.json
 2. bring {name}.link.json here (it holds a key: keep it private)"""
STEP_HERE = " 3. here:   acestep-bridge link --use {name}.link.json"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("link")(link)


@handled
def link(
    host: Annotated[str | None, typer.Argument(metavar="HOST", help="A client's name, as in `keys allow`.")] = None,
    address: Annotated[
        str | None, typer.Option("--address", metavar="ENDPOINT", help="Where it reaches this machine's daemon.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", parser=file_path, help="The link file to write.")
    ] = None,
    use: Annotated[
        Path | None,
        typer.Option("--use", metavar="FILE", parser=file_path, help="Let the machine of that link file render."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Render on this machine again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let another machine render for this one. Without anything: how things stand, and the steps.

    On the machine with the GPU, HOST writes the link file for that client. Here, --use takes it; everything
    (REAPER, OSC, commands) goes on as before, and only the rendering happens there.
    """
    if host is not None:
        return _write(host, address, out, as_json)
    if use is not None:
        return _use(use, as_json)
    if remove:
        return _remove(as_json)
    _tell(as_json)


def _write(host: str, address: str | None, out: Path | None, as_json: bool) -> None:
    from bridge.protocol import keys
    from bridge.protocol.home import home_folder

    home = home_folder()
    path = out or Path(f"{host}.link.json")
    keys.write_link(path.absolute(), keys.link(home, host, _endpoints(home, address)))
    if as_json:
        return print_json({"link": str(path.absolute())})
    show(str(path))
    note(f"Bring it to {host} by a private way (it holds that client's key), then there:")
    there(f"    acestep-bridge link --use {path.name}", err=True)


def _endpoints(home: Path, address: str | None) -> Endpoints:
    """Where clients reach this machine: as told, else where the daemon that runs listens."""
    from bridge.daemon.bind_address import split_address
    from bridge.protocol.home import Endpoints

    host, port = split_address(address) if address else _bound(home)
    if host in EVERYWHERE:
        host = own_address()
    return Endpoints(f"tcp://{host}:{port}", f"tcp://{host}:{port + 1}")


def _bound(home: Path) -> tuple[str, int]:
    """Address and port that `serve --bind` had at its last start: it leaves a link file for each client."""
    from bridge.daemon.bind_address import split_address
    from bridge.protocol.home import read_connection

    files = sorted((home / "curve").glob("*.link.json"), key=lambda path: path.stat().st_mtime)
    if not files:
        remedy = f"Start `serve --bind tcp://ADDRESS:{PORT}`, or say --address tcp://ADDRESS:{PORT}."
        raise InvalidRequest("address", "a machine that listens to nobody else", "serve --bind", remedy)
    return split_address(read_connection(files[-1]).endpoints.commands)


def own_address() -> str:
    """This machine's address in its network. Nothing is sent."""
    from bridge.cli.own_addresses import addresses_in_network

    return next(iter(addresses_in_network()), "127.0.0.1")


def _use(path: Path, as_json: bool) -> None:
    from bridge.client import Client, Timeouts
    from bridge.model_words import model_words
    from bridge.protocol.errors import BridgeError, KeyFileError
    from bridge.protocol.home import home_folder, make_home
    from bridge.protocol.linked import read_link_file, write_linked

    home = make_home(home_folder())
    connection = read_link_file(path)
    try:
        with Client.connect(home, path.absolute(), Timeouts(connect=CONNECT_SECONDS)) as client:
            hello = client.hello()
    except BridgeError as error:
        where = connection.endpoints.commands
        text = f"link: {where} does not answer to this machine's key. Is its daemon running (serve --bind), is "
        raise KeyFileError(f"{text}`{connection.client}` allowed there with this key, is the port open?") from error
    linked = _linked(connection, hello.model)
    write_linked(home, linked)
    _restart_engine(home)
    if as_json:
        return print_json({"name": linked.name, "model": linked.model.name, "address": linked.endpoints.commands})
    show(f"{linked.name} renders for this machine from now on, with {model_words(linked.model)}.")


def _linked(connection: Connection, model: ModelName) -> Linked:
    from msgspec import structs

    from bridge.daemon.bind_address import split_address
    from bridge.protocol.linked import Linked

    name, _ = split_address(connection.endpoints.commands)
    return Linked(**structs.asdict(connection), name=name, model=model)


def _remove(as_json: bool) -> None:
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import linked_path

    path = linked_path(home_folder())
    was_there = path.exists()
    path.unlink(missing_ok=True)
    _restart_engine(path.parent)
    if as_json:
        return print_json({"removed": was_there})
    show("This machine renders by itself." if was_there else "No other machine was linked.")


def _restart_engine(home: Path) -> None:
    """A daemon that runs looks at the link when its engine process starts."""
    from bridge.client import Client
    from bridge.protocol.errors import DaemonNotRunning

    try:
        with Client.connect(home) as client:
            client.unload()
    except DaemonNotRunning:
        return


def _tell(as_json: bool) -> None:
    from bridge.model_words import model_words
    from bridge.protocol import keys
    from bridge.protocol.home import home_folder, make_home
    from bridge.protocol.linked import read_linked

    home = make_home(home_folder())
    linked = read_linked(home)
    if as_json:
        return print_json({"name": linked.name if linked else None})
    if linked is not None:
        show(f"{linked.name} ({linked.endpoints.commands}) renders for this machine, {model_words(linked.model)}.")
        return show("To render here again: acestep-bridge link --remove")
    name = "".join(c for c in socket.gethostname().split(".")[0] if c.isascii() and (c.isalnum() or c in "-_")) or "me"
    show(HERE)
    there(STEPS_THERE.format(name=name, public=keys.own_pair(home).public, port=PORT))
    show(STEP_HERE.format(name=name))

"""`link`: another machine renders for this one. Knows link files and who answers, no rendering."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import AsJson, Exit, handled, note, print_json, show, there
from bridge.system.version import package_version
from engine.errors import InvalidRequest

if TYPE_CHECKING:
    from bridge.protocol.home import Connection, Endpoints
    from bridge.protocol.linked import Linked
    from bridge.protocol.messages import ModelName

PORT = 49400
CONNECT_SECONDS = 8.0
EVERYWHERE = ("0.0.0.0", "::", "*")
HERE = "This computer ({name}) renders by itself. To let a machine with a GPU render for it:"
STEPS_THERE = """
 1. on the machine with the GPU:
        acestep-bridge keys allow {name} '{public}'
        acestep-bridge serve --bind tcp://0.0.0.0:{port}
    and, while that runs, in a second terminal there:
        acestep-bridge link {name}
 2. bring {name}.link.json, which that makes, to this computer (it holds a key: keep it private)
 3. on this computer:"""
STEP_HERE = "        acestep-bridge link --use {name}.link.json"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("link")(link)


@handled
def link(
    client: Annotated[
        str | None, typer.Argument(metavar="CLIENT", help="The other computer's name, as in `keys allow` here.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="ENDPOINT", help="Where it reaches this machine, such as tcp://gpu:49400."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", parser=file_path, help="The link file to write.")
    ] = None,
    use: Annotated[
        Path | None,
        typer.Option("--use", metavar="FILE", parser=file_path, help="Let the machine of that link file render."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Render on this computer again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let another machine render for this computer. Without anything: how that stands now, and the steps.

    On the machine with the GPU, `link CLIENT` writes the link file for that client. On the client, --use takes it;
    everything (REAPER, OSC, commands) goes on as before, and only the rendering happens there.
    """
    if client is not None:
        return _write(client, address, out, as_json)
    if use is not None:
        return _use(use, as_json)
    if remove:
        return _remove(as_json)
    _tell(as_json)


def _write(client: str, address: str | None, out: Path | None, as_json: bool) -> None:
    from bridge.protocol import keys
    from bridge.protocol.home import home_folder

    home = home_folder()
    path = out or Path(f"{client}.link.json")
    keys.write_link(path.absolute(), keys.link(home, client, _endpoints(home, address)))
    if as_json:
        return print_json({"link": str(path.absolute())})
    show(str(path))
    note(f"Bring it to {client} by a private way (it holds that client's key), then there:")
    there(f"    acestep-bridge link --use {path.name}", err=True)


def _endpoints(home: Path, address: str | None) -> Endpoints:
    """Where clients reach this machine: as told, else where the daemon that runs listens."""
    from bridge.daemon.doors.bind_address import split_address
    from bridge.protocol.home import Endpoints

    host, port = split_address(address) if address else _bound(home)
    if host in EVERYWHERE:
        host = own_address()
    return Endpoints(f"tcp://{host}:{port}", f"tcp://{host}:{port + 1}")


def _bound(home: Path) -> tuple[str, int]:
    """Address and port that `serve --bind` had at its last start: it leaves a link file for each client."""
    from bridge.daemon.doors.bind_address import split_address
    from bridge.protocol.home import read_connection

    files = sorted((home / "curve").glob("*.link.json"), key=lambda path: path.stat().st_mtime)
    if not files:
        remedy = f"Start `serve --bind tcp://ADDRESS:{PORT}`, or say --address tcp://ADDRESS:{PORT}."
        raise InvalidRequest("address", "a machine that listens to nobody else", "serve --bind", remedy)
    return split_address(read_connection(files[-1]).endpoints.commands)


def own_address() -> str:
    """This machine's address in its network. Nothing is sent."""
    from bridge.system.own_addresses import addresses_in_network

    return next(iter(addresses_in_network()), "127.0.0.1")


def _use(path: Path, as_json: bool) -> None:
    from bridge.client.link_state import link_state, machine
    from bridge.model_words import model_words
    from bridge.protocol.errors import KeyFileError
    from bridge.protocol.home import home_folder, make_home
    from bridge.protocol.keys import own_pair
    from bridge.protocol.linked import read_link_file, write_linked

    home = make_home(home_folder())
    connection = read_link_file(path)
    state = link_state(home, path.absolute(), CONNECT_SECONDS)
    if state.hello is None:
        raise KeyFileError(f"{state.sentence} Nothing was changed here.")
    linked = _linked(connection, state.hello.model, own_pair(home).public)
    write_linked(home, linked)
    _restart_engine(home)
    if as_json:
        return print_json({"name": linked.name, "model": linked.model.name, "address": linked.endpoints.commands})
    there = machine(linked)
    show(f"{there[0].upper()}{there[1:]} renders for this computer from now on, with {model_words(linked.model)}.")


def _linked(connection: Connection, model: ModelName, own_public: str) -> Linked:
    from msgspec import structs

    from bridge.daemon.doors.bind_address import split_address
    from bridge.protocol.linked import Linked

    name, _ = split_address(connection.endpoints.commands)
    return Linked(**structs.asdict(connection), name=name, model=model, own_public=own_public)


def _remove(as_json: bool) -> None:
    from bridge.protocol.home import home_folder
    from bridge.protocol.linked import remove_linked

    home = home_folder()
    was_there = remove_linked(home)
    _restart_engine(home)
    if as_json:
        return print_json({"removed": was_there})
    show("This computer renders by itself." if was_there else "No other machine was linked.")


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
    from bridge.protocol.home import home_folder, make_home
    from bridge.protocol.linked import read_linked

    home = make_home(home_folder())
    linked = read_linked(home)
    if linked is None:
        return print_json({"name": None}) if as_json else _tell_steps(home)
    _tell_state(home, linked, as_json)


def _tell_state(home: Path, linked: Linked, as_json: bool) -> None:
    """Ask the other machine; exit code 3 where it does not render for this computer now."""
    from bridge.client.likeness import differences
    from bridge.client.link_state import REMOVE, link_state, machine
    from bridge.model_words import model_words
    from bridge.protocol.linked import linked_path

    state = link_state(home, linked_path(home), CONNECT_SECONDS)
    version = state.hello.package_version if state.hello else package_version()
    problems = differences(linked.name, version, state.models, linked.model.name)
    there, address = machine(linked), linked.endpoints.commands
    if as_json:
        where = {"name": linked.name, "address": address, "client": linked.client, "problems": problems}
        print_json({**where, "state": str(state.standing), "text": state.text or None, "remedy": state.remedy or None})
    elif state.hello is not None:
        model = model_words(state.hello.model)
        show(f"{there[0].upper()}{there[1:]} renders for this computer, which it knows as {linked.client}: it answers.")
        show(f"    {model}; {state.hello.queued} job(s) waiting")
        for problem in problems:
            show(f"    {problem}")
    else:
        show(f"{state.text}\n    {state.remedy}")
    if not as_json:
        show(REMOVE)
    if state.hello is None:
        raise typer.Exit(int(Exit.NO_DAEMON_OR_MODEL))


def _tell_steps(home: Path) -> None:
    from bridge.protocol import keys

    name = "".join(c for c in socket.gethostname().split(".")[0] if c.isascii() and (c.isalnum() or c in "-_")) or "me"
    show(HERE.format(name=name))
    there(STEPS_THERE.format(name=name, public=keys.own_pair(home).public, port=PORT))
    show(STEP_HERE.format(name=name))

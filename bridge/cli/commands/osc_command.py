"""`osc`: the OSC controller in this terminal. Knows how it is set up, not what addresses do."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options.logging_options import LogLevel, log_to
from bridge.cli.options.paths import file_path
from bridge.cli.terminal.output import Exit, fail, handled, note, show

if TYPE_CHECKING:
    from bridge.osc.settings import OscSettings

Hosts = Annotated[list[str] | None, typer.Option("--allow", metavar="IP", help="Another machine that may speak.")]
Roots = Annotated[
    list[Path] | None,
    typer.Option(
        "--root",
        metavar="FOLDER",
        parser=file_path,
        help="Files in here may be named; your home folder where only this machine is heard.",
    ),
]
Surfaces = Annotated[
    list[str] | None, typer.Option("--surface", metavar="HOST:PORT", help="Send feedback here without being asked.")
]


UNKNOWN = "this machine's address"
RECONNECT_SECONDS = 0.5  # a daemon that died is started again by us: nobody else is waited for


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("osc")(osc)


@handled
def osc(
    listen: Annotated[str, typer.Option("--listen", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="UDP and TCP port.")] = 9725,
    allow: Hosts = None,
    surface: Surfaces = None,
    reaper: Annotated[
        str | None, typer.Option("--reaper", metavar="HOST:PORT", help="Where REAPER listens for OSC.")
    ] = None,
    root: Roots = None,
    announce: Annotated[
        bool, typer.Option("--announce", help="Tell the local network, so that surfaces find it by themselves.")
    ] = False,
    midi: Annotated[
        list[str] | None,
        typer.Option("--midi", metavar="DEVICE", help="A MIDI device by a part of its name, 'all', or 'virtual'."),
    ] = None,
    ableton_link: Annotated[
        bool, typer.Option("--ableton-link", help="Beats and tempo are those of Ableton Link's session.")
    ] = False,
    log_level: LogLevel = None,
) -> None:
    """Play generation from faders: TouchOSC, Open Stage Control, Max, Pd, a script; with REAPER or without."""
    from bridge.osc.settings import OscSettings
    from bridge.protocol.home import home_folder, make_home

    allowed = frozenset(_address(text) for text in allow or [])
    settings = OscSettings(
        home=make_home(home_folder()),
        host=listen,
        port=port,
        allowed=allowed,
        surfaces=tuple(_peer(text) for text in surface or []),
        reaper=_peer(reaper) if reaper else None,
        announce=announce,
        midi=tuple(midi or ()),
        ableton_link=ableton_link,
        roots=tuple(root) if root else _usual_roots(listen, allowed),
    )
    _check_families(settings)
    log_to(settings.home, "osc", log_level)
    _serve(settings)


def _check_families(settings: OscSettings) -> None:
    """What is sent goes out of the socket that listens: one of IPv4 reaches no address of IPv6, and the other way."""
    from bridge.system.own_addresses import in_url

    is_v6 = ":" in settings.host
    for option, peers in (("--surface", settings.surfaces), ("--reaper", (settings.reaper,))):
        for host, port in (peer for peer in peers if peer is not None):
            if (":" in host) != is_v6 and settings.host != "::":
                kinds = ("IPv4", "IPv6") if is_v6 else ("IPv6", "IPv4")
                got = f"{option} {in_url(host)}:{port} is {kinds[0]}, but --listen {settings.host} is {kinds[1]}"
                fail(Exit.BAD_INPUT, f"{got}. Say --listen :: to speak both, or an address of the same kind.")


def _usual_roots(listen: str, allowed: frozenset[str]) -> tuple[Path, ...]:
    """Only this user's programs are heard: the home folder. Other machines are: nothing, unless it is named."""
    try:
        alone = ipaddress.ip_address(listen).is_loopback
    except ValueError:
        alone = listen == "localhost"
    return (Path.home(),) if alone and not allowed else ()


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        fail(Exit.BAD_INPUT, f"--allow: got '{text}', expected an IP address such as 192.168.1.20.")


def _peer(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        fail(Exit.BAD_INPUT, f"got '{text}', expected HOST:PORT such as 192.168.1.20:9726.")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        fail(Exit.BAD_INPUT, f"got '{text}', expected an IPv6 address in brackets, such as [fd00::20]:9726.")
    try:
        return str(socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0][4][0]), int(port)
    except OSError as error:
        fail(Exit.BAD_INPUT, f"got '{text}', expected a host that can be found ({error}).")


def _serve(settings: OscSettings) -> None:
    from bridge.client import ensure_daemon
    from bridge.clock.ableton_link import load_library
    from bridge.midi.ports import load_backend
    from bridge.osc.transport.announce import check_zeroconf

    if settings.midi:
        load_backend()
    if settings.ableton_link:
        load_library()
    if settings.announce:
        check_zeroconf()

    client, started = ensure_daemon(settings.home)
    client.close()
    if started:
        note("Started the daemon; it goes on when this ends.")
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner, contextlib.suppress(asyncio.CancelledError):
        runner.run(_run(settings))


async def _run(settings: OscSettings) -> None:
    from bridge.client import AsyncClient
    from bridge.client.transport import Timeouts
    from bridge.midi.devices import MidiSurface
    from bridge.osc.controller import Controller
    from bridge.osc.daemon.daemon import ClientDaemon
    from bridge.osc.transport.announce import announced

    this = asyncio.current_task()
    assert this is not None
    with contextlib.suppress(NotImplementedError):  # Windows: ends without a goodbye
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with await AsyncClient.connect(settings.home, timeouts=Timeouts(reconnect=RECONNECT_SECONDS)) as client:
        midi = MidiSurface(settings.home, settings.midi)
        start = partial(_start_again, settings.home)
        controller = Controller(ClientDaemon(client), settings, [midi], start, [midi.clock])
        await controller.start()
        addresses = _own_addresses(settings.host)
        for line in what_to_type(settings, controller.port, addresses):
            show(line)
        known = announced(addresses or ["127.0.0.1"], controller.port)
        async with known if settings.announce else contextlib.nullcontext():
            await controller.run()


def _start_again(home: Path) -> None:
    """A daemon that died leaves its connection file; one that was ended on purpose does not."""
    from bridge.client import ensure_daemon
    from bridge.protocol.home import connection_path

    if connection_path(home).exists():
        ensure_daemon(home)[0].close()


def what_to_type(settings: OscSettings, port: int, addresses: Sequence[str]) -> list[str]:
    """Lines that say what goes into a surface's settings."""
    from bridge.system.own_addresses import in_url

    where = " or ".join(addresses) or UNKNOWN
    first = in_url(addresses[0]) if addresses else UNKNOWN
    lines = [
        f"Listening for OSC on {settings.host}, UDP and TCP port {port}. Ctrl-C ends it.",
        f"  TouchOSC            Connections > OSC: host {where}, send port {port}, receive port 9727; press Connect",
        f"  Open Stage Control  send {first}:{port}, osc-port 9727, load docs/layouts/open-stage-control.json",
        f"  OSCQuery            http://{first}:{port}" + (", announced on the network" if settings.announce else ""),
        f"  Max, Pd, a script   send to {where} port {port}; answers come to the port you send from",
    ]
    if settings.reaper is not None:
        lines.append(
            f"  REAPER              Control/OSC/web > OSC, pattern acestep: listens on {settings.reaper[1]}, "
            f"sends to {addresses[0] if addresses else UNKNOWN} port {port}"
        )
    if settings.midi:
        lines.append(f"  MIDI                {', '.join(settings.midi)}; acestep-bridge midi learn variance, midi list")
    if not addresses:
        lines.append("This machine is in no network that it knows of: join one, then ask its settings for the address.")
    if any(not ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses):
        heard = ", ".join(sorted(settings.allowed)) or "nobody yet: name surfaces with --allow IP"
        lines.append(f"Heard besides this machine: {heard}.")
    folders = ", ".join(str(root) for root in settings.roots) or "none: name folders with --root"
    return [*lines, f"Files may be named in: {folders}."]


def _own_addresses(listen: str) -> list[str]:
    """What other machines call this one; the address itself unless it stands for all; [] where it is in no network."""
    from bridge.system.own_addresses import addresses_in_network

    if listen == "::":
        return addresses_in_network((socket.AF_INET, socket.AF_INET6))
    if listen in ("0.0.0.0", ""):
        return addresses_in_network()
    return [str(socket.getaddrinfo(listen, 0)[0][4][0])]

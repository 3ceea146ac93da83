"""`midi ports|learn|list|forget`: the MIDI map in this terminal. `osc --midi` plays by it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from bridge.cli.terminal.output import Exit, fail, handled, note, show

WAIT_SECONDS = 60.0

Words = Annotated[
    list[str], typer.Argument(metavar="ADDRESS [ARGUMENTS]", help="What it means: variance, inpaint, region/bars 5 4.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]

commands = typer.Typer(name="midi", no_args_is_help=True, help="Faders, buttons and pedals: what each of them means.")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands)


@commands.command()
@handled
def ports() -> None:
    """The MIDI devices that can be heard."""
    from bridge.midi.ports import input_names, load_backend

    names = input_names(load_backend())
    for name in names:
        show(name)
    if not names:
        note("No MIDI device is plugged in.")


@commands.command()
@handled
def learn(
    words: Words,
    port: Annotated[str, typer.Option("--port", help="Part of a device's name.")] = "all",
    mode: Annotated[
        str | None, typer.Option("--mode", help="absolute, press, twos, offset or sign, if what is found is wrong.")
    ] = None,
    low: Annotated[float | None, typer.Option("--low", help="Value at the fader's lower end.")] = None,
    high: Annotated[float | None, typer.Option("--high", help="Value at the fader's upper end.")] = None,
    step: Annotated[float | None, typer.Option("--step", help="One step of an endless knob.")] = None,
    pickup: Annotated[
        bool, typer.Option("--pickup", help="A fader that stands elsewhere sets nothing until it gets there.")
    ] = False,
) -> None:
    """Move a fader or press a button: from now on it means ADDRESS. A controller that runs knows within a second."""
    if mode not in (None, "absolute", "press", "twos", "offset", "sign"):
        fail(Exit.BAD_INPUT, f"--mode: got '{mode}', expected absolute, press, twos, offset or sign.")
    wanted = {"mode": mode, "low": low, "high": high, "step": step, "pickup": pickup or None}
    changes = {name: value for name, value in wanted.items() if value is not None}
    asyncio.run(_learn(" ".join(words), port, changes))


async def _learn(text: str, port: str, changes: dict[str, Any]) -> None:
    from bridge.midi.devices import MidiSurface
    from bridge.osc.address_space.values import OscError
    from bridge.osc.transport.surface import SurfaceCallbacks
    from bridge.protocol.home import home_folder, make_home

    devices = MidiSurface(make_home(home_folder()), (port,))
    await devices.open(
        SurfaceCallbacks(
            on_messages=lambda peer, messages: None,
            on_broken=lambda peer, problem: None,
            on_gone=lambda peer: None,
            on_listening=lambda peer: None,
            present=lambda path: (),
            put=lambda path, words: note(words),
            answer=lambda peer, path, *arguments: None,
        )
    )
    learnt = asyncio.Event()
    devices.translator.on_learnt = learnt.set
    devices.translator.changes = changes
    try:
        devices.translator.learn(text)
    except OscError as error:
        fail(Exit.BAD_INPUT, f"got {error.got}, expected {error.expected}.")
    task = asyncio.create_task(devices.run())
    waiting = asyncio.create_task(learnt.wait())
    done, _ = await asyncio.wait({task, waiting}, timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    waiting.cancel()
    if task in done:
        task.result()
    if not done:
        fail(Exit.FAILED, f"Nothing moved in {WAIT_SECONDS:g} seconds. `midi ports` lists what can be heard.")


@commands.command(name="list")
@handled
def list_(as_json: Json = False) -> None:
    """The map: each fader or button and what it means."""
    import msgspec

    bindings = _map().bindings
    if as_json:
        show(msgspec.json.encode(bindings).decode())
        return
    for binding in bindings:
        show(f"{binding.source.words:40} {binding.meaning}")
    if not bindings:
        note("Nothing is learnt yet: acestep-bridge midi learn variance")


@commands.command()
@handled
def forget(words: Words) -> None:
    """No fader or button means ADDRESS any more."""
    from bridge.midi.meanings import parse
    from bridge.osc.address_space.values import OscError

    text = " ".join(words)
    try:
        address, arguments = parse(text, exact=False)
    except OscError as error:
        fail(Exit.BAD_INPUT, f"got {error.got}, expected {error.expected}.")
    count = _map().forget(" ".join([address.path, *map(str, arguments)]))
    note(f"{count or 'Nothing'} forgotten.")


def _map() -> Any:
    from bridge.midi.bindings import BadMap, MidiMap
    from bridge.midi.translator import MAP_FILE
    from bridge.protocol.home import home_folder

    midi_map = MidiMap(home_folder() / MAP_FILE)
    try:
        midi_map.reload()
    except BadMap as error:
        fail(Exit.BAD_INPUT, str(error))
    return midi_map

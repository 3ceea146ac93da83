"""MIDI ports through mido: opened when they appear, closed when they vanish. Knows bytes, no map and no addresses.

mido and python-rtmidi are optional; `MIDO_BACKEND` chooses another backend.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic
from typing import Any

from bridge.midi.bindings import stable_name
from bridge.protocol.errors import BridgeError
from engine.extras import how_to_install

SCAN_SECONDS = 1.0
EVERY, VIRTUAL = "all", "virtual"
OUR_NAME = "acestep-bridge"
NOT_DEVICES = ("midi through", "rtmidi output", "rtmidi input", OUR_NAME)  # software echoes, and ourselves


class NoMidi(BridgeError):
    """MIDI cannot be used here; says what to install or do."""


def load_backend() -> Any:
    """mido, with a backend that works here. Raises NoMidi."""
    try:
        import mido
    except ImportError as error:
        raise NoMidi(f"MIDI needs another package ({error.name}): {how_to_install('midi')}") from error
    try:
        mido.get_input_names()
    except Exception as error:  # each backend has its own kinds
        raise NoMidi(f"MIDI cannot be used here: {error}") from error
    return mido


def input_names(backend: Any) -> list[str]:
    """Names of the devices that can be heard."""
    return [n for n in dict.fromkeys(backend.get_input_names()) if not any(s in n.lower() for s in NOT_DEVICES)]


class MidiPorts:
    """Run `run` as a task. `wanted`: parts of names, "all", or "virtual" for a port of our own that others connect to.

    on_message(port, bytes, when it came), on_opened(port) and on_closed(port) are called in the loop.
    """

    def __init__(
        self,
        backend: Any,
        wanted: tuple[str, ...],
        on_message: Callable[[str, bytes, float], None],
        on_opened: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._backend, self._wanted = backend, wanted
        self._on_message, self._on_opened, self._on_closed = on_message, on_opened, on_closed
        self._open: dict[str, list[Any]] = {}  # the input, and the output where there is one
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, say: Callable[[str], None]) -> None:
        """Watch for devices, for ever; `say` tells people of what does not work."""
        self._loop = asyncio.get_running_loop()
        try:
            if VIRTUAL in self._wanted:
                self._open_virtual(say)
            while True:
                self._scan(await asyncio.to_thread(input_names, self._backend))  # may take long: JACK, many devices
                await asyncio.sleep(SCAN_SECONDS)
        finally:
            for port in list(self._open):
                self._close(port)

    def send(self, port: str, message: bytes) -> None:
        """To a device; one that is gone or has no output is not told."""
        for output in self._open.get(port, [])[1:]:
            with contextlib.suppress(Exception):  # unplugged a moment ago
                output.send(self._backend.Message.from_bytes(message))

    def _scan(self, names: list[str]) -> None:
        for port in [port for port in self._open if port not in names and port != OUR_NAME]:
            self._close(port)
        for name in names:
            if name not in self._open and any(word == EVERY or word.lower() in name.lower() for word in self._wanted):
                with contextlib.suppress(Exception):  # held by another program: tried again each second
                    self._open_device(name)

    def _open_device(self, name: str) -> None:
        ports = [self._backend.open_input(name, callback=self._callback(name))]
        output = _output_of(name, self._backend.get_output_names())
        if output is not None:
            with contextlib.suppress(Exception):
                ports.append(self._backend.open_output(output))
        self._open[name] = ports
        self._on_opened(name)

    def _open_virtual(self, say: Callable[[str], None]) -> None:
        try:
            ours = self._backend.open_input(OUR_NAME, virtual=True, callback=self._callback(OUR_NAME))
            self._open[OUR_NAME] = [ours, self._backend.open_output(OUR_NAME, virtual=True)]
        except Exception as error:
            say(f"a virtual MIDI port cannot be made here ({error}): use a loopback driver's port")
            return
        self._on_opened(OUR_NAME)

    def _close(self, port: str) -> None:
        for each in self._open.pop(port):
            with contextlib.suppress(Exception):
                each.close()
        self._on_closed(port)

    def _callback(self, name: str) -> Callable[[Any], None]:
        def heard(message: Any) -> None:  # in the backend's thread
            assert self._loop is not None
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._on_message, name, bytes(message.bytes()), monotonic())

        return heard


def _output_of(name: str, outputs: list[str]) -> str | None:
    """The output of the device with this input: of the same name, else of the same port name behind the client's."""
    for part in (stable_name, lambda text: stable_name(text).partition(":")[2]):
        for output in outputs:
            if part(output) and part(output) == part(name):
                return output
    return None

"""MIDI devices as a surface of the controller, with the map that it learns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.clock.midi_clock import CLOCK_BYTES, STARTING, MidiClock
from bridge.midi.ports import MidiPorts, load_backend
from bridge.midi.translator import BUTTONS, FADERS, MidiTranslator
from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.handlers import Do, Handler
from bridge.osc.transport.surface import Message, Peer, SurfaceCallbacks

RELOAD_SECONDS = 1.0


class MidiSurface:
    """The devices whose names hold one of `wanted`; none at all where it is empty."""

    has_words = False

    def __init__(self, home: Path, wanted: tuple[str, ...]) -> None:
        self.translator = MidiTranslator(home, self._take, self._present, self.say)
        self._callbacks: SurfaceCallbacks | None = None
        self._wanted = wanted
        self.clock, self._clock_port = MidiClock(), ""
        self.permanent: tuple[Peer, ...] = (FADERS, BUTTONS) if wanted else ()

    def handlers(self) -> dict[str, Handler]:
        """Learning, forgetting, and the map."""
        doing: dict[str, Do] = {"learn": self._learn, "forget": self._forget, "list": self._list}
        return {f"{ROOT}/midi/{name}": Handler(do) for name, do in doing.items()}

    async def open(self, callbacks: SurfaceCallbacks) -> None:
        """Devices are opened while it runs, as they are plugged in."""
        self._callbacks = callbacks

    async def run(self) -> None:
        """Serve the devices and follow the map's file, for ever. Raises NoMidi."""
        if not self._wanted:
            return
        translator = self.translator
        ports = MidiPorts(load_backend(), self._wanted, self._heard, translator.opened, translator.closed)
        translator.send = ports.send
        async with asyncio.TaskGroup() as group:
            group.create_task(ports.run(self.say))
            group.create_task(self._watch_map())

    async def close(self) -> None:
        """The ports were closed when `run` ended."""

    def serves(self, peer: Peer) -> bool:
        """All devices together are two peers: what hands hold, and lamps."""
        return peer in (FADERS, BUTTONS)

    def show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        """Move faders, light lamps."""
        self.translator.show(peer, path, arguments)

    def say(self, words: str) -> None:
        """Words for people, on the surfaces that can show them."""
        if self._callbacks is not None:
            self._callbacks.put(f"{ROOT}/midi/words", words)

    def _take(self, peer: Peer, messages: list[Message]) -> None:
        if self._callbacks is not None:
            self._callbacks.on_messages(peer, messages)

    def _present(self, path: str) -> Sequence[Any]:
        return self._callbacks.present(path) if self._callbacks is not None else ()

    def _heard(self, port: str, message: bytes, seconds: float) -> None:
        """Moves go to the map; ticks to the clock, from the device that started last."""
        if not message or message[0] not in CLOCK_BYTES:
            self.translator.heard(port, message)
            return
        if message[0] in STARTING:
            self._clock_port = port
        if port == self._clock_port or not self._clock_port:
            self.clock.hear(message, seconds)

    async def _watch_map(self) -> None:
        while True:
            self.translator.reload()
            await asyncio.sleep(RELOAD_SECONDS)

    def _learn(self, sender: Peer, values: tuple[str]) -> None:
        self._check_wanted("learn")
        self.translator.learn(*values)

    def _forget(self, sender: Peer, values: tuple[str]) -> None:
        self._check_wanted("forget")
        try:
            self.translator.forget(*values)
        except OSError as error:
            raise OscError(f"{ROOT}/midi/forget", str(error), "a folder that can be written") from error

    def _check_wanted(self, command: str) -> None:
        if not self._wanted:
            expected = "a controller started with `osc --midi all`, or a device's name"
            raise OscError(f"{ROOT}/midi/{command}", "no MIDI", expected)

    def _list(self, sender: Peer, values: tuple[()]) -> None:
        if self._callbacks is None:
            return
        for binding in self.translator.map.bindings:
            self._callbacks.answer(sender, f"{ROOT}/midi/binding", binding.source.words, binding.meaning)

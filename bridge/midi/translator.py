"""MIDI and addresses, each made of the other: movements become messages, values move faders and light lamps.

Knows the map and the addresses; no port. Nothing here blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bridge.midi.bindings import RELATIVE, BadMap, Binding, MidiMap, Source, stable_name
from bridge.midi.learning import LISTEN_SECONDS, is_press, meant
from bridge.midi.meanings import parse
from bridge.midi.reading import Move, Reader, shown, ticks
from bridge.midi.scales import can_move, choices, is_switch, next_one, position_of, stepped, value_at
from bridge.osc.address_space.addresses import ROOT, Address, Kind, address_table
from bridge.osc.transport.surface import Message, Peer
from engine.requests import TASKS

FADERS: Peer = ("midi faders", 0)  # not given their own values back until they rest
BUTTONS: Peer = ("midi buttons", 0)  # their lamps follow at once
NEAR = 0.03  # how close a fader must come to be picked up
MAP_FILE = "midi.json"
BUSY = f"{ROOT}/busy"
_TASK_PATHS = frozenset(f"{ROOT}/{task.replace('-', '_')}" for task in TASKS)

Take = Callable[[Peer, list[Message]], None]
Present = Callable[[str], Sequence[Any]]
Send = Callable[[str, bytes], None]
Say = Callable[[str], None]


class MidiTranslator:
    """All MIDI devices. `take` gets what they mean, `send` a port's name and what it shows; `say` words for people."""

    def __init__(self, home: Path, take: Take, present: Present, say: Say) -> None:
        self._take, self._present, self._say = take, present, say
        self.map = MidiMap(home / MAP_FILE)
        self.send: Send = lambda port, message: None
        self.on_learnt: Callable[[], None] = lambda: None
        self.changes: dict[str, Any] = {}  # of what is found while learning: mode, low, high, step, pickup
        self._table = address_table()
        self._readers: dict[str, Reader] = {}
        self._at: dict[Source, float] = {}  # positions heard
        self._lit: dict[Source, float] = {}  # positions shown
        self._picked: set[Source] = set()
        self._learning: tuple[Address, tuple[Any, ...]] | None = None
        self._heard: list[Move] = []

    # -- the map -----------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Take over what was written into the map."""
        try:
            if self.map.reload():
                self.show_all()
        except BadMap as error:
            self._say(str(error))

    def learn(self, text: str) -> None:
        """Wait for a fader or button that shall mean this; empty: wait no more. Raises OscError."""
        self._learning, self._heard = parse(text) if text.strip() else None, []
        self._say(f"{text}: move a fader or press a button" if self._learning else "not learning")

    def forget(self, text: str) -> int:
        """Remove what means this; how many there were. Raises OscError, OSError."""
        address, arguments = parse(text, exact=False)
        count = self.map.forget(" ".join([address.path, *map(str, arguments)]))
        self._say(f"{text}: {count or 'nothing'} forgotten")
        return count

    def _listen(self, move: Move) -> None:
        """A movement while learning: a key says all, a fader needs a moment."""
        if not self._heard and not is_press(move):
            asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._learnt)
        self._heard.append(move)
        if is_press(move):
            self._learnt()

    def _learnt(self) -> None:
        learnt = meant(self._heard)
        if self._learning is None or learnt is None:
            return
        (address, arguments), (source, mode) = self._learning, learnt
        self._learning, self._heard = None, []
        port = stable_name(source.port) if len(self._readers) > 1 else ""
        source = Source(kind=source.kind, channel=source.channel, number=source.number, port=port)
        found_here = Binding(source=source, address=address.path, arguments=arguments, mode=mode)
        binding = msgspec.structs.replace(found_here, **self.changes)
        try:
            self.map.bind(binding)
        except OSError as error:
            self._say(f"the map cannot be written: {error}")
            return
        knob = f", an endless knob ({binding.mode})" if binding.mode in RELATIVE else ""
        self._say(f"{binding.meaning}: {source.words}{knob}")
        self.show_all()
        self.on_learnt()

    # -- from the devices --------------------------------------------------------------------------------------------

    def heard(self, port: str, message: bytes) -> None:
        """One MIDI message of a device."""
        for move in self._readers.setdefault(port, Reader(port)).read(message):
            if self._learning is not None:
                self._listen(move)
                continue
            for binding in self.map.of_source(move.source):
                self._obey(binding, move)
            self._at[move.source] = move.value
            if move.source.kind != "note":  # a fader stands where it was moved to; a key's lamp does not
                self._lit[move.source] = move.value

    def _obey(self, binding: Binding, move: Move) -> None:
        address = self._table.get(binding.address)
        if address is None or address.kind is Kind.FEEDBACK:
            return
        if binding.mode in RELATIVE:
            steps = ticks(binding.mode, move.raw)
            if address.kind is Kind.CONTROL and not binding.arguments:
                self._set(FADERS, address, stepped(address, binding, self._present(address.path)[0], steps))
            elif steps > 0:
                self._press(address, binding)
        elif self._is_button(address, binding):
            if self._rises(move):
                self._press(address, binding)
        elif move.source.kind == "note" and move.raw == 0:
            return  # a key let go is not a fader at 0
        elif not binding.pickup or self._picks_up(address, binding, move):
            self._set(FADERS, address, value_at(address, binding, move.value))

    def _is_button(self, address: Address, binding: Binding) -> bool:
        """Whether it is pressed, not moved: commands, sent arguments, keys of switches and choices."""
        if address.kind is not Kind.CONTROL or binding.arguments or binding.mode == "press":
            return True
        key = binding.source.kind in ("note", "program")
        return key and (is_switch(address) or bool(choices(address)))

    def _rises(self, move: Move) -> bool:
        before = self._at.get(move.source, 0.0)
        if move.source.kind in ("note", "program"):
            return move.raw > 0
        return move.value >= 0.5 > before

    def _press(self, address: Address, binding: Binding) -> None:
        if address.kind is Kind.CONTROL and not binding.arguments:
            present = self._present(address.path)[0]
            both = is_switch(address) or choices(address)
            self._set(BUTTONS, address, next_one(address, present) if both else value_at(address, binding, 1.0))
            return
        self._take(BUTTONS, [Message(address.path, binding.arguments)])

    def _set(self, peer: Peer, address: Address, value: Any) -> None:
        self._take(peer, [Message(address.path, (value,))])

    def _picks_up(self, address: Address, binding: Binding, move: Move) -> bool:
        """Whether the fader holds its value: it came near it, or passed it, and nobody changed it since."""
        now = position_of(address, binding, self._present(address.path))
        before = self._at.get(move.source)
        if move.source in self._picked and before is not None and abs(before - now) <= NEAR:
            return True
        passed = before is not None and min(before, move.value) <= now <= max(before, move.value)
        if not passed and abs(move.value - now) > NEAR:
            self._picked.discard(move.source)
            return False
        self._picked.add(move.source)
        return True

    # -- to the devices ----------------------------------------------------------------------------------------------

    def show(self, peer: Peer, path: str, arguments: Sequence[Any]) -> None:
        """Feedback for an address, to faders or to buttons."""
        for binding in self.map.of_address(path):
            if _is_lamp(binding) == (peer == BUTTONS) and self._shows(binding):
                self._light(binding.source, position_of(self._table[path], binding, arguments))
        if path == BUSY and peer == BUTTONS:
            for binding in self.map.bindings:
                if binding.address in _TASK_PATHS:
                    self._light(binding.source, float(arguments[0]))

    def show_all(self) -> None:
        """Start again: another device, another map."""
        self._lit.clear()
        for path in {binding.address for binding in self.map.bindings} | {BUSY}:
            arguments = self._present(path)
            for peer in (FADERS, BUTTONS) if arguments else ():
                self.show(peer, path, arguments)

    def _shows(self, binding: Binding) -> bool:
        address = self._table[binding.address]
        if address.kind in (Kind.COMMAND, Kind.QUERY):
            return False
        return bool(binding.arguments) or can_move(address)

    def _light(self, source: Source, value: float) -> None:
        for port in [port for port in self._readers if source.port in port]:
            place = Source(kind=source.kind, channel=source.channel, number=source.number, port=port)
            if abs(self._lit.get(place, -1.0) - value) < 1e-4:
                continue
            self._lit[place] = value
            for message in shown(source, value):
                self.send(port, message)

    def opened(self, port: str) -> None:
        """A device is there: it is shown everything."""
        self._readers[port] = Reader(port)
        self.show_all()

    def closed(self, port: str) -> None:
        """A device is gone."""
        self._readers.pop(port, None)


def _is_lamp(binding: Binding) -> bool:
    """Whether what shows it is a lamp, which a hand does not hold."""
    return binding.source.kind == "note" or binding.mode == "press"

"""What a surface may ask for: one value, everything, the presets, the MIDI map. Knows no socket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.osc.addresses import ROOT, Kind
from bridge.osc.state import control_name
from bridge.osc.surfaces import Peer

if TYPE_CHECKING:
    from bridge.osc.controller import Controller

Message = tuple[str, Sequence[Any]]


class Queries:
    """Answers to one surface, and the values that they are made of."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def answer(self, sender: Peer, path: str, values: tuple[Any, ...]) -> None:
        """Answer a query. Raises OscError."""
        controller, name = self._controller, path.removeprefix(f"{ROOT}/")
        if name == "get":
            found = f"{ROOT}/{controller.known(path, *values)}"
            controller.reply(sender, found, *self.present(found))
        elif name == "preset/list":
            for preset in controller.presets.names():
                controller.reply(sender, f"{ROOT}/preset/name", preset)
        elif name == "midi/list":
            for binding in controller.midi.surface.map.bindings:
                controller.reply(sender, f"{ROOT}/midi/binding", binding.source.words, binding.meaning)
        else:
            for found, arguments in [*self._controls(), *self._told(), *self._tracks()]:
                controller.reply(sender, found, *arguments)

    def present(self, path: str) -> Sequence[Any]:
        """What an address shows now; nothing where that is not known."""
        name = control_name(path)
        if name in self._controller.controls.table:
            return self._controller.controls.arguments(name)
        return self._controller.feedback.last.get(path, ())

    def sent_again(self) -> list[Message]:
        """Everything but the texts that people type."""
        table = self._controller.controls.table
        return [m for m in self._controls() if table[control_name(m[0])].tags != "s"] + self._told()

    def _controls(self) -> list[Message]:
        controls = self._controller.controls
        return [(address.path, controls.arguments(name)) for name, address in controls.table.items()]

    def _told(self) -> list[Message]:
        last = self._controller.feedback.last
        return [(p, a) for p, a in last.items() if self._controller.table[p].kind is Kind.FEEDBACK]

    def _tracks(self) -> list[Message]:
        tracks = self._controller.controls.daw.tracks
        return [(f"{ROOT}/daw/track", (number, name)) for number, name in sorted(tracks.items())]

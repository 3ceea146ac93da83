"""MIDI devices and the map together, as the controller and `acestep-bridge midi learn` run them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge.midi.ports import MidiPorts, load_backend
from bridge.midi.surface import MidiSurface, Present, Say, Take

RELOAD_SECONDS = 1.0


class MidiDevices:
    """The devices whose names hold one of `wanted`; none at all where it is empty. Run `run` as a task."""

    def __init__(self, home: Path, wanted: tuple[str, ...], take: Take, present: Present, say: Say) -> None:
        self.surface = MidiSurface(home, take, present, say)
        self._wanted, self._say = wanted, say

    def __bool__(self) -> bool:
        return bool(self._wanted)

    async def run(self) -> None:
        """Serve the devices and follow the map's file, for ever. Raises NoMidi."""
        surface = self.surface
        ports = MidiPorts(load_backend(), self._wanted, surface.heard, surface.opened, surface.closed)
        surface.send = ports.send
        async with asyncio.TaskGroup() as group:
            group.create_task(ports.run(self._say))
            group.create_task(self._watch_map())

    async def _watch_map(self) -> None:
        while True:
            self.surface.reload()
            await asyncio.sleep(RELOAD_SECONDS)

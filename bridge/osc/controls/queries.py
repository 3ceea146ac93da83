"""What a surface may ask for: one value, or everything; and the values that answers are made of. Knows no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from bridge.osc.address_space.addresses import ROOT, Kind, address_table, control_path
from bridge.osc.address_space.patterns import BadPattern, is_pattern, matching
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.state import Controls, control_name
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Handler
from bridge.osc.transport.surface import Peer

GET = f"{ROOT}/get"
AT_ONCE = 200  # datagrams: Linux keeps about 270 small ones for a program that does not read at the moment
A_FEW, PAUSE_SECONDS = 32, 0.01
Told = tuple[str, Sequence[Any]]


class Queries:
    """`known` makes a control's name of what a surface calls it, or raises OscError."""

    def __init__(self, controls: Controls, feedback: Feedback, known: Callable[[str, str], str]) -> None:
        self._controls, self._feedback, self._known = controls, feedback, known
        self._later: dict[tuple[Peer, str], None] = {}
        self._woken = asyncio.Event()

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {GET: Handler(self._get), f"{ROOT}/sync": Handler(self._sync)}

    def _get(self, sender: Peer, values: tuple[str]) -> None:
        """Every value that is meant, each at its own address."""
        self._tell(sender, self._meant(*values))

    def _meant(self, text: str) -> list[str]:
        """Addresses with a value now: by a name, a path, or a pattern of either. Raises OscError."""
        path = text if text.startswith("/") else control_path(text)
        valued = [*self._control_paths(), *self._told_paths()]
        if not is_pattern(path):
            return [path] if path in valued else [control_path(self._known(GET, text))]
        try:
            meant = matching(path, valued)
        except BadPattern as error:
            raise OscError(GET, str(error), "a name, an address, or an OSC 1.0 pattern of addresses") from error
        if not meant:
            raise OscError(
                GET, repr(text[:80]), f"a pattern of addresses that have a value, such as {ROOT}/take/*/name"
            )
        return meant

    def _sync(self, sender: Peer, values: tuple[()]) -> None:
        self.show_all(sender)

    def show_all(self, sender: Peer) -> None:
        """Tell one surface everything there is to know; how it looks a moment later."""
        table = address_table()
        paths = [*self._control_paths(), *self._told_paths()]
        self._tell(sender, sorted(paths, key=lambda path: table[path].is_look))
        for number, name in sorted(self._controls.daw.tracks.items()):
            self._feedback.answer(sender, f"{ROOT}/daw/track", number, name)

    def _tell(self, sender: Peer, paths: list[str]) -> None:
        """As many now as every system's buffer holds, the others a few at a time, with their values of then."""
        for path in paths[:AT_ONCE]:
            self._feedback.answer(sender, path, *self.present(path))
        self._later |= dict.fromkeys((sender, path) for path in paths[AT_ONCE:])
        if self._later:
            self._woken.set()

    async def run(self) -> None:
        """Send what is left, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._later:
                await asyncio.sleep(PAUSE_SECONDS)
                for sender, path in list(self._later)[:A_FEW]:
                    del self._later[sender, path]
                    self._feedback.answer(sender, path, *self.present(path))

    def present(self, path: str) -> Sequence[Any]:
        """What an address shows now; nothing where that is not known."""
        name = control_name(path)
        return self._controls.arguments(name) if name in self._controls.table else self._feedback.last.get(path, ())

    def paths_sent_again(self) -> list[str]:
        """Everything but the texts that people type."""
        table = address_table()
        return [path for path in self._control_paths() if table[path].tags != "s"] + self._told_paths()

    def _control_paths(self) -> list[str]:
        return [address.path for address in self._controls.table.values()]

    def _told_paths(self) -> list[str]:
        table = address_table()
        return [path for path in self._feedback.last if table[path].kind is Kind.FEEDBACK]

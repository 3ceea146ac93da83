"""What a surface may ask for: one value, or everything; and the values that answers are made of. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge.osc.addresses import ROOT, Kind, address_table, control_path
from bridge.osc.feedback import Feedback
from bridge.osc.handlers import Handler
from bridge.osc.patterns import BadPattern, is_pattern, matching
from bridge.osc.state import Controls, control_name
from bridge.osc.surface import Peer
from bridge.osc.values import OscError

GET = f"{ROOT}/get"
Told = tuple[str, Sequence[Any]]


class Queries:
    """`known` makes a control's name of what a surface calls it, or raises OscError."""

    def __init__(self, controls: Controls, feedback: Feedback, known: Callable[[str, str], str]) -> None:
        self._controls, self._feedback, self._known = controls, feedback, known

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {GET: Handler(self._get), f"{ROOT}/sync": Handler(self._sync)}

    def _get(self, sender: Peer, values: tuple[str]) -> None:
        """Every value that is meant, each at its own address."""
        for path in self._meant(*values):
            self._feedback.answer(sender, path, *self.present(path))

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
        """Tell one surface everything there is to know."""
        for path in (*self._control_paths(), *self._told_paths()):
            self._feedback.answer(sender, path, *self.present(path))
        for number, name in sorted(self._controls.daw.tracks.items()):
            self._feedback.answer(sender, f"{ROOT}/daw/track", number, name)

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

"""`/acestep/panic`: everything stops."""

from __future__ import annotations

from collections.abc import Callable

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.controls.state import REPEAT, Controls
from bridge.osc.handlers import Handler, Part
from bridge.osc.transport.surface import Peer


class Panic:
    """Cancels by what `tasks` do for cancel/all; `changed` learns that nothing is repeated, `clear` ends waiting."""

    def __init__(
        self, tasks: Part, controls: Controls, changed: Callable[[set[str]], None], clear: Callable[[], None]
    ) -> None:
        self._tasks, self._controls, self._changed, self._clear = tasks, controls, changed, clear

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {f"{ROOT}/panic": Handler(self._stop)}

    def _stop(self, sender: Peer, values: tuple[()]) -> None:
        self._clear()
        self._changed(self._controls.change(REPEAT, None) | {REPEAT})
        self._tasks.handlers()[f"{ROOT}/cancel/all"].do(sender, ())

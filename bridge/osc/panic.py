"""`/acestep/panic`: everything stops."""

from __future__ import annotations

from collections.abc import Callable

from bridge.osc.addresses import ROOT
from bridge.osc.handlers import Handler, Part
from bridge.osc.state import REPEAT, Controls
from bridge.osc.surface import Peer


class Panic:
    """Cancels by what `tasks` do for cancel/all; `changed` is told that nothing is repeated any more."""

    def __init__(self, tasks: Part, controls: Controls, changed: Callable[[set[str]], None]) -> None:
        self._tasks, self._controls, self._changed = tasks, controls, changed

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {f"{ROOT}/panic": Handler(self._stop)}

    def _stop(self, sender: Peer, values: tuple[()]) -> None:
        self._changed(self._controls.change(REPEAT, None) | {REPEAT})
        self._tasks.handlers()[f"{ROOT}/cancel/all"].do(sender, ())

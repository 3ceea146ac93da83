"""`/acestep/undo`: what was kept, dropped or recalled last is taken back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.state import Controls
from bridge.osc.handlers import Handler, Part
from bridge.osc.takes.takes import Takes
from bridge.osc.transport.surface import Peer

MAX_STEPS = 32
UNDONE = frozenset(f"{ROOT}/{name}" for name in ("take/commit", "take/reject", "preset/recall"))


class Undo:
    """The handlers of some parts: those of `UNDONE` can be taken back. `changed` and `show` tell what is as it was."""

    def __init__(
        self,
        parts: list[Part],
        controls: Controls,
        takes: Takes,
        changed: Callable[[set[str]], None],
        show: Callable[[], None],
    ) -> None:
        self._parts, self._controls, self._takes, self._changed, self._show = parts, controls, takes, changed, show
        self._steps: deque[tuple[Mapping[str, Any], Takes | None]] = deque(maxlen=MAX_STEPS)

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        handlers = {path: handler for part in self._parts for path, handler in part.handlers().items()}
        for path in UNDONE & handlers.keys():
            handlers[path] = replace(handlers[path], do=partial(self._do, handlers[path]))
        return handlers | {f"{ROOT}/undo": Handler(self._undo)}

    def _do(self, handler: Handler, sender: Peer, value: Any) -> None:
        values, takes = dict(self._controls.values), self._takes.copy()
        handler.do(sender, value)
        now = self._controls.values
        before = {name: values.get(name) for name in values.keys() | now.keys() if values.get(name) != now.get(name)}
        took = takes if (takes.original, takes.paths) != (self._takes.original, self._takes.paths) else None
        if before or took is not None:
            self._steps.append((before, took))

    def _undo(self, sender: Peer, values: tuple[()]) -> None:
        if not self._steps:
            raise OscError(f"{ROOT}/undo", "nothing to undo", "a take kept or dropped, or a preset recalled, before")
        before, takes = self._steps.pop()
        if takes is not None:
            self._takes.go_back_to(takes)
        self._changed(self._controls.restore(before))
        if takes is not None:
            self._show()

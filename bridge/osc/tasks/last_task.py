"""The last task that a surface asked for, to be done once more. Knows no task."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Handler, Part
from bridge.osc.transport.surface import Peer

FIRST = f"{ROOT}/inpaint"  # what "once more" means before anything was asked for
NOBODY: Peer = ("", 0)


class LastTask:
    """The handlers of `tasks`, each of which is remembered when it is used."""

    def __init__(self, tasks: Part, remembered: frozenset[str], feedback: Feedback) -> None:
        self._handlers, self._remembered, self._feedback = tasks.handlers(), remembered, feedback
        self._last: tuple[str, Any] = (FIRST, ())

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        handlers = {
            path: replace(handler, do=partial(self._do, path)) if path in self._remembered else handler
            for path, handler in self._handlers.items()
        }
        return handlers | {f"{ROOT}/again": Handler(self._again)}

    def _again(self, sender: Peer, values: tuple[()]) -> None:
        self._start(sender)

    def _start(self, sender: Peer) -> None:
        """An earlier result is not told again from here on: it would be taken for this task's."""
        path, value = self._last
        self._handlers[path].do(sender, value)
        self._feedback.forget(f"{ROOT}/result")

    def _do(self, path: str, sender: Peer, value: Any) -> None:
        self._last = path, value
        self._start(sender)

    def again(self) -> None:
        """Do it once more; what is wrong with it is told to every surface."""
        try:
            self._again(NOBODY, ())
        except OscError as error:
            self._feedback.error(error.address, error.got, error.expected)

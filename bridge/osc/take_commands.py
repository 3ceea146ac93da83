"""Choosing among takes, as surfaces ask for it."""

from __future__ import annotations

from collections.abc import Callable

from bridge.osc.addresses import ROOT
from bridge.osc.feedback import Feedback
from bridge.osc.handlers import Handler
from bridge.osc.state import SOURCE, Controls
from bridge.osc.surface import Peer
from bridge.osc.takes import Takes
from bridge.osc.values import OscError


class TakeCommands:
    """`changed` is told when the source is another one."""

    def __init__(self, controls: Controls, changed: Callable[[set[str]], None], feedback: Feedback) -> None:
        self._controls, self._changed, self._feedback = controls, changed, feedback
        self._takes = Takes()

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        doing = {
            "next": lambda: self._takes.step(1),
            "previous": lambda: self._takes.step(-1),
            "original": self._takes.compare,
            "reject": self._reject,
            "commit": self._commit,
        }
        return {f"{ROOT}/take/{name}": Handler(_then(do, self.show)) for name, do in doing.items()}

    def add(self, path: str, source: str) -> None:
        """A new result, made of this source; empty: of none."""
        if source in ("", self._takes.original):
            self._takes.add(path)

    def follow_source(self) -> None:
        """The source control changed: another source has no takes yet."""
        source = self._controls.values.get(SOURCE, "")
        if source != self._takes.original:
            self._takes.start(source)
            self.show(tell_path=False)

    def show(self, tell_path: bool = True) -> None:
        """Tell every surface which take counts; its path, too, where that is news."""
        self._feedback.put(f"{ROOT}/take", self._takes.present, len(self._takes.paths))
        self._feedback.put(f"{ROOT}/take/words", self._takes.words)
        if tell_path and self._takes.path:
            self._feedback.everyone(f"{ROOT}/result", self._takes.path)

    def _reject(self) -> None:
        if not self._takes.reject():
            raise OscError(f"{ROOT}/take/reject", "the original", "a take; choose one with take/next")

    def _commit(self) -> None:
        kept = self._takes.commit()
        if not kept:
            raise OscError(f"{ROOT}/take/commit", "the original", "a take; choose one with take/next")
        self._changed(self._controls.change(SOURCE, kept))


def _then(do: Callable[[], None], show: Callable[[], None]) -> Callable[[Peer, tuple[()]], None]:
    def handle(sender: Peer, values: tuple[()]) -> None:
        do()
        show()

    return handle

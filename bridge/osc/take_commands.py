"""Choosing among takes, as surfaces ask for it."""

from __future__ import annotations

from collections.abc import Callable

from bridge.osc.addresses import ROOT, TAKE_SLOTS
from bridge.osc.feedback import Feedback
from bridge.osc.handlers import Do, Handler
from bridge.osc.state import HOLD, KEEP, SOURCE, Controls
from bridge.osc.surface import Peer
from bridge.osc.takes import Takes
from bridge.osc.values import OscError


class TakeCommands:
    """`changed` is told when the source is another one; `on_change` is called when the takes are."""

    def __init__(
        self, takes: Takes, controls: Controls, changed: Callable[[set[str]], None], feedback: Feedback
    ) -> None:
        self._takes, self._controls, self._changed, self._feedback = takes, controls, changed, feedback
        self.on_change: Callable[[], None] = lambda: None

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        doing = {
            "next": lambda: self._takes.step(1),
            "previous": lambda: self._takes.step(-1),
            "original": self._takes.compare,
            "reject": self._reject,
            "commit": self._commit,
        }
        handlers = {f"{ROOT}/take/{name}": Handler(self._then_show(do)) for name, do in doing.items()}
        return handlers | {f"{ROOT}/take/select": Handler(self._select)}

    def add(self, path: str, source: str) -> None:
        """A new result, made of this source; empty: of none. It is told, and a take where it belongs to these."""
        self._feedback.everyone(f"{ROOT}/result", path)
        if source in self._takes.sources and path not in self._takes.paths:
            values = self._controls.values
            self._takes.add(path, bool(values.get(HOLD)), int(values.get(KEEP, 0)))

    def follow_source(self) -> None:
        """The source control changed: another source has no takes yet."""
        source = self._controls.values.get(SOURCE, "")
        if source != self._takes.original:
            self._takes.start(source)
            self._feedback.forget(f"{ROOT}/result")
            self.show(tell_path=False)

    def show(self, tell_path: bool = True) -> None:
        """Tell every surface which take counts; its path, too, where that is news."""
        takes, feedback = self._takes, self._feedback
        feedback.put(f"{ROOT}/take", takes.present, len(takes.paths))
        feedback.put(f"{ROOT}/take/words", takes.words)
        feedback.put_changed(f"{ROOT}/take/0/lamp", int(not takes.present))
        names = takes.names[:TAKE_SLOTS]
        for number, name in enumerate([*names, *[""] * (TAKE_SLOTS - len(names))], 1):
            feedback.put_changed(f"{ROOT}/take/{number}/name", name)
            feedback.put_changed(f"{ROOT}/take/{number}/lamp", int(number == takes.present))
        if tell_path and takes.path:
            feedback.everyone(f"{ROOT}/result", takes.path)
            if not takes.present:
                feedback.forget(f"{ROOT}/result")  # the original is no result that somebody could have missed
        self.on_change()

    def _select(self, sender: Peer, values: tuple[int]) -> None:
        count = len(self._takes.paths)
        if not self._takes.select(*values):
            raise OscError(f"{ROOT}/take/select", str(values[0]), f"0 for the original, or a take from 1 to {count}")
        self.show()

    def _reject(self) -> None:
        if not self._takes.reject():
            raise OscError(f"{ROOT}/take/reject", "the original", "a take; choose one with take/next")

    def _commit(self) -> None:
        kept = self._takes.commit()
        if not kept:
            raise OscError(f"{ROOT}/take/commit", "the original", "a take; choose one with take/next")
        self._changed(self._controls.change(SOURCE, kept))

    def _then_show(self, do: Callable[[], None]) -> Do:
        def handle(sender: Peer, values: tuple[()]) -> None:
            do()
            self.show()

        return handle

"""Choosing among takes, as surfaces ask for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bridge.osc.address_space.addresses import ROOT, TAKE_SLOTS
from bridge.osc.controls.state import HOLD, KEEP, SOURCE, Controls
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Handler
from bridge.osc.takes.launch import Launch
from bridge.osc.takes.take_changes import CHANGES, COMMIT, change
from bridge.osc.takes.takes import Takes
from bridge.osc.transport.surface import Peer


class TakeCommands:
    """`changed` is told when the source is another one; `on_change` is called when the takes are.

    What makes another take count is done by `launch`, now or at its time.
    """

    def __init__(
        self, takes: Takes, controls: Controls, changed: Callable[[set[str]], None], feedback: Feedback, launch: Launch
    ) -> None:
        self._takes, self._controls, self._changed, self._feedback = takes, controls, changed, feedback
        self._launch = launch
        self.on_change: Callable[[], None] = lambda: None

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {path: Handler(partial(self._do, path)) for path in CHANGES}

    def add(self, paths: list[str], source: str) -> None:
        """New results, made of this source; empty: of none. They are takes where they belong to these.

        The last of them counts, at its time, where the newest take did; what does not is told at once.
        """
        takes = self._takes
        new = [path for path in paths if path not in takes.paths] if source in takes.sources else []
        follows = self._launch.coming().newest_counts and not self._controls.values.get(HOLD)
        takes.paths += new
        takes.trim(self._kept)
        if new and follows:
            self._launch.later(partial(self._show_new, paths, new[-1]), lambda then: then.choose(new[-1]))
        else:
            self._tell(paths)
        self.show(tell_path=False)

    def _show_new(self, paths: list[str], newest: str) -> None:
        self._takes.choose(newest)
        self._takes.trim(self._kept)
        self._tell(paths)
        self.show(tell_path=False)

    def _tell(self, paths: list[str]) -> None:
        for path in paths:
            self._feedback.everyone(f"{ROOT}/result", path)

    @property
    def _kept(self) -> int:
        return int(self._controls.values.get(KEEP, 0))

    def follow_source(self) -> None:
        """The source control changed: another source has no takes yet, and none that waits."""
        source = self._controls.values.get(SOURCE, "")
        if source != self._takes.original:
            self._launch.clear()
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

    def _do(self, path: str, sender: Peer, values: tuple[Any, ...]) -> None:
        done = change(path, self._takes, values)
        if path == COMMIT:
            self._changed(self._controls.change(SOURCE, done))
        self.show()

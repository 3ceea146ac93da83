"""Another take counts at the next beat or bar, not in the middle of one. Knows no task and no socket.

What is asked for between two of these times waits and is done in its order when the next one begins: also when the DAW
jumps there. Where another clock counts now, or none has to be waited for, it is done now: nothing is lost.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bridge.clock.clock import Clock
from bridge.clock.quantize import BEAT, OFF, step_beats
from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.state import EARLY, QUANTIZE, REAPER, Controls
from bridge.osc.feedback.feedback import Feedback
from bridge.osc.handlers import Handler, Part
from bridge.osc.takes.take_changes import CHANGES, COMMIT, change
from bridge.osc.takes.takes import Takes
from bridge.osc.transport.surface import Peer

PENDING, UNDO = f"{ROOT}/take/pending", f"{ROOT}/undo"
MOST_WAITING = 64

Do = Callable[[], None]
Change = Callable[[Takes], object]  # what it will do to the takes


class Launch:
    """`tick` is called often; it does what is due."""

    def __init__(self, takes: Takes, controls: Controls, clock: Clock, feedback: Feedback) -> None:
        self._takes, self._controls, self._clock, self._feedback = takes, controls, clock, feedback
        self._waiting: list[tuple[Do, Change]] = []
        self._since: tuple[str, int] = (
            "",
            0,
        )  # whose beats, and how many steps were over, when the first began to wait

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    @property
    def takes_are_ours(self) -> bool:
        """Whether they are not REAPER's."""
        return not self._controls.values.get(REAPER)

    def later(self, do: Do, change: Change) -> None:
        """Do it at the next time; now where nothing is waited for. Raises what `do` raises, and OscError."""
        step = self._step()
        if not step:
            do()
            return
        if len(self._waiting) >= MOST_WAITING:
            raise OscError(PENDING, f"more than {MOST_WAITING} commands", "fewer until the next beat or bar")
        if not self._waiting:
            self._since = self._passed(step)
        self._waiting.append((do, change))
        self._show()

    def coming(self) -> Takes:
        """The takes as they will be at the next time."""
        takes = self._takes.copy()
        for _, change_of in self._waiting:
            with contextlib.suppress(OscError):  # it is told when its time comes
                change_of(takes)
        return takes

    def take_back(self) -> None:
        """What was asked for last waits no more."""
        self._waiting.pop()
        self._show()

    def clear(self) -> None:
        """Nothing waits any more."""
        if self._waiting:
            self._waiting.clear()
            self._show()

    def tick(self) -> None:
        """Do what waits, if its time has come."""
        step = self._step()
        if not self._waiting or (step and self._passed(step) == self._since):
            return
        waiting, self._waiting = self._waiting, []
        for do, _ in waiting:
            try:
                do()
            except OscError as error:
                self._feedback.error(error.address, error.got, error.expected)
        self._show()

    def _step(self) -> float:
        """Beats from one time to the next; 0 for at once, also while REAPER, whose takes they are, does not play."""
        values = self._controls.values
        if values.get(REAPER) and not self._controls.daw.playing:
            return 0.0
        return step_beats(values.get(QUANTIZE, OFF), self._controls.meter())

    def _passed(self, step: float) -> tuple[str, int]:
        beat = self._clock.beat()
        early = float(self._controls.values.get(EARLY, 0.0))
        return beat.source, beat.line.count_at(beat.now + early, step)

    def _show(self) -> None:
        """Tell surfaces what waits: the file may be loaded before it is to be heard."""
        coming, feedback = self.coming(), self._feedback
        ours = self._waiting and self.takes_are_ours
        feedback.put_changed(PENDING, coming.path if ours else "")
        feedback.put_changed(f"{PENDING}/lamp", int(bool(self._waiting)))
        feedback.put_changed(f"{PENDING}/words", self._words(coming) if self._waiting else "")

    def _words(self, coming: Takes) -> str:
        quantize = self._controls.values.get(QUANTIZE, OFF)
        when = f"at the next {quantize}" if quantize in (BEAT, "bar") else f"at the next of each {quantize}"
        if not self.takes_are_ours:
            return f"REAPER's take {when}"
        return f"{coming.words.partition(' of ')[0]} {when} ({Path(coming.path).stem})" if coming.path else when


class OnGrid:
    """The handlers of a part: those that make another take count wait for their time. What waits is undone first."""

    def __init__(self, part: Part, launch: Launch) -> None:
        self._part, self._launch = part, launch

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        handlers = dict(self._part.handlers())
        for path in CHANGES:
            handlers[path] = replace(handlers[path], do=partial(self._do, path, handlers[path]))
        return handlers | {UNDO: replace(handlers[UNDO], do=partial(self._undo, handlers[UNDO]))}

    def _do(self, path: str, handler: Handler, sender: Peer, values: tuple[Any, ...]) -> None:
        do = partial(handler.do, sender, values)
        if path == COMMIT and self._launch.is_empty:
            do()  # the same take is heard as before
        elif self._launch.takes_are_ours:
            change(path, self._launch.coming(), values)
            self._launch.later(do, lambda takes: change(path, takes, values))
        else:
            self._launch.later(do, lambda takes: None)

    def _undo(self, handler: Handler, sender: Peer, values: tuple[()]) -> None:
        if self._launch.is_empty:
            handler.do(sender, values)
        else:
            self._launch.take_back()

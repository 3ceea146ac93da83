"""What is sent although nothing changed, so that a surface is right again after its network was away.

Each second a lamp changes (`/acestep/alive`), what a performer looks at is sent again, and a few of all other values.
Only to surfaces that asked for feedback. Texts that people type come again by `/acestep/sync` alone: a surface may be
in the middle of typing. Knows no state: it is given what to send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.feedback.feedback import Feedback

INTERVAL_SECONDS = 1.0
ROUND_SECONDS = 10  # in which all addresses come again
FIRST = tuple(f"{ROOT}/{name}" for name in ("status", "progress", "remaining/words", "busy", "queue", "take/words"))


class Resending:
    """Run `run` as a task. `paths` names what may be sent again, `present` gives its arguments of now."""

    def __init__(
        self, feedback: Feedback, paths: Callable[[], list[str]], present: Callable[[str], Sequence[Any]]
    ) -> None:
        self._feedback, self._paths, self._present = feedback, paths, present
        self._round: Iterator[str] = iter(())
        self._at_once = 0
        self._lamp = 0

    async def run(self) -> None:
        """Send again, for ever."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            self.one_second()

    def one_second(self) -> None:
        """One second's messages, each with the value of now."""
        self._lamp = 1 - self._lamp
        self._feedback.again(f"{ROOT}/alive", self._lamp)
        for path in FIRST:
            if path in self._feedback.last:
                self._feedback.again(path, *self._feedback.last[path])
        for path in self._some():
            arguments = self._present(path)
            if arguments:
                self._feedback.again(path, *arguments)

    def _some(self) -> list[str]:
        """As many as a second has of a round; the next round begins when one is over."""
        some = list(islice(self._round, self._at_once))
        if not some:
            paths = [path for path in self._paths() if path not in FIRST]
            self._round, self._at_once = iter(paths), -(-len(paths) // ROUND_SECONDS)
            some = list(islice(self._round, self._at_once))
        return some

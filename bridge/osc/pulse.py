"""What is sent although nothing changed, so that a surface is right again after its network was away.

Each second a lamp changes (`/acestep/alive`), what a performer looks at is sent again, and a few of all other values.
Only to surfaces that asked for feedback. Texts that people type come again by `/acestep/sync` alone: a surface may be
in the middle of typing. Knows no state: it is given what to send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bridge.osc.addresses import ROOT
from bridge.osc.feedback import Feedback

SECONDS = 1.0
AT_ONCE = 12
FIRST = tuple(f"{ROOT}/{name}" for name in ("status", "progress", "remaining/words", "busy", "queue", "take/words"))

Message = tuple[str, Sequence[Any]]


class Pulse:
    """Run `run` as a task. `rest` gives everything else that may be sent again."""

    def __init__(self, feedback: Feedback, rest: Callable[[], list[Message]]) -> None:
        self._feedback, self._rest = feedback, rest
        self._round: Iterator[Message] = iter(())
        self._lamp = 0

    async def run(self) -> None:
        """Beat, for ever."""
        while True:
            await asyncio.sleep(SECONDS)
            self.beat()

    def beat(self) -> None:
        """One second's messages."""
        self._lamp = 1 - self._lamp
        self._feedback.again(f"{ROOT}/alive", self._lamp)
        for path in FIRST:
            if path in self._feedback.last:
                self._feedback.again(path, *self._feedback.last[path])
        for _ in range(AT_ONCE):
            message = next(self._round, None)
            if message is None:
                self._round = iter([m for m in self._rest() if m[0] not in FIRST])
                return
            self._feedback.again(message[0], *message[1])

"""Values on their way to the surfaces: coalesced, rounded, not echoed to whoever just moved them. Knows no state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import FLOAT_DIGITS
from bridge.osc.feedback.feedback_targets import ECHO_SECONDS, FeedbackTargets
from bridge.osc.transport.surface import Peer

KEPT = frozenset({f"{ROOT}/result"})  # what is told at once, and comes again where it was lost
INTERVAL_SECONDS = 0.02  # at most 50 messages a second for one address

Show = Callable[[Peer, str, Sequence[Any]], None]


class Feedback:
    """Sends the latest arguments of each address. Run `run` as a task."""

    def __init__(self, targets: FeedbackTargets, show: Show) -> None:
        self._targets, self._show = targets, show
        self._dirty: dict[str, Sequence[Any]] = {}
        self._withheld: dict[str, Sequence[Any]] = {}
        self._woken = asyncio.Event()
        self.last: dict[str, Sequence[Any]] = {}
        self.looks: Callable[[str], Iterable[tuple[str, str]]] = lambda path: ()

    def put(self, path: str, *arguments: Any) -> None:
        """Send these arguments soon, and how they look; later ones for the same address replace them."""
        self._dirty[path] = arguments
        self.last[path] = arguments
        self._woken.set()
        for look, text in self.looks(path):
            self.put_changed(look, text)

    def put_changed(self, path: str, *arguments: Any) -> None:
        """`put`, unless the same was sent last."""
        if self.last.get(path) != arguments:
            self.put(path, *arguments)

    def answer(self, sender: Peer, path: str, *arguments: Any) -> None:
        """Tell one that spoke, now, where it listens."""
        self._show(self._targets.reply_to(sender), path, _rounded(arguments))

    def everyone(self, path: str, *arguments: Any) -> None:
        """Send to all surfaces now: for errors and results, of which none may replace another. The last one is kept."""
        if path in KEPT:
            self.last[path] = arguments
        for peer in self._targets.targets(path):
            self._show(peer, path, _rounded(arguments))

    def forget(self, path: str) -> None:
        """What was told last is no news any more: it does not come again."""
        self.last.pop(path, None)

    def error(self, path: str, got: str, expected: str) -> None:
        """Something went wrong later than the message that asked for it: all surfaces are told now."""
        self.everyone(f"{ROOT}/error", path, got, expected)
        self.everyone(f"{ROOT}/error/words", error_words(path, got, expected))

    def again(self, path: str, *arguments: Any) -> None:
        """Send now to those that asked for feedback: it may have been lost."""
        for peer in self._targets.targets(path, asked_only=True):
            self._show(peer, path, _rounded(arguments))

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await self._wait()
            self.flush()
            await asyncio.sleep(INTERVAL_SECONDS)

    def flush(self) -> None:
        """Send what is due now. Who moved a fader gets its value when it rests."""
        self._woken.clear()
        for path in [path for path in self._withheld if not self._targets.touching(path)]:
            self._dirty.setdefault(path, self._withheld[path])
            del self._withheld[path]
        for path, arguments in self._dirty.items():
            self.everyone(path, *arguments)
            if self._targets.touching(path):
                self._withheld[path] = arguments
        self._dirty.clear()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(ECHO_SECONDS / 3 if self._withheld else None):
                await self._woken.wait()
        except TimeoutError:
            return


def error_words(path: str, got: str, expected: str) -> str:
    """An error as one line for a label."""
    return f"{path.removeprefix(f'{ROOT}/')}: got {got}, expected {expected}"


def _rounded(arguments: Sequence[Any]) -> list[Any]:
    return [round(a, FLOAT_DIGITS) if isinstance(a, float) else a for a in arguments]

"""The clock as surfaces show it, and what happens at its beats. Knows no socket.

Beats are told to those that registered: `/acestep/beat` with its number in the bar, `/acestep/bar` with the bar's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bridge.clock.clock import Beat, Clock
from bridge.clock.timeline import NEAR
from bridge.osc.address_space.addresses import ROOT
from bridge.osc.feedback.feedback import Feedback

LONGEST_SECONDS = 0.02  # between two looks: a DAW may jump, a session may change its tempo
WORDS = {"link": "Link", "midi": "MIDI clock", "daw": "the DAW", "own": "own clock"}


class Beats:
    """Run `run` as a task. `on_tick` are called at each look, `peers` says how many others Link has."""

    def __init__(self, clock: Clock, feedback: Feedback, peers: Callable[[], int]) -> None:
        self._clock, self._feedback, self._peers = clock, feedback, peers
        self.on_tick: Sequence[Callable[[], None]] = ()
        self._last = 0
        self._shown: tuple[str, float, int] | None = None

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(self.tick())

    def tick(self) -> float:
        """Tell what began, do what is due. Seconds until the next look."""
        beat = self._clock.beat()
        number = beat.line.count_at(beat.now, 1.0)
        if number != self._last:
            self._last = number
            self._tell(number, beat)
        self._show(beat)
        for do in self.on_tick:
            do()
        seconds = beat.line.time_of(number + 1 - NEAR) - beat.now
        return min(max(seconds, 0.0), LONGEST_SECONDS)

    def _tell(self, number: int, beat: Beat) -> None:
        bar, within = divmod(number, beat.meter.beats)
        if not within:
            self._feedback.again(f"{ROOT}/bar", bar + 1)
        self._feedback.again(f"{ROOT}/beat", within + 1)

    def _show(self, beat: Beat) -> None:
        shown = beat.source, round(beat.tempo, 1), self._peers()
        if shown == self._shown:
            return
        self._shown = source, tempo, peers = shown
        values = {"source": source, "tempo": float(tempo), "peers": peers}
        for name, value in values.items():
            self._feedback.put_changed(f"{ROOT}/clock/{name}", value)
        others = f", {peers} peer{'s' * (peers != 1)}" if source == "link" else ""
        self._feedback.put_changed(f"{ROOT}/clock/words", f"{WORDS.get(source, source)}{others}, {tempo:g} bpm")

"""The tempo by hand: tapped, and nudged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from bridge.osc.address_space.addresses import ROOT
from bridge.osc.address_space.values import OscError
from bridge.osc.controls.state import Controls
from bridge.osc.handlers import Handler
from bridge.osc.transport.surface import Peer

TEMPO = "tempo"
TAPS = 8
PAUSE_SECONDS = 3.0  # a tap after a pause is the first one: slower than 20 bpm is no tempo


class TempoCommands:
    """`changed` is told that the tempo is another one, `on_tap` that a beat was tapped."""

    def __init__(
        self, controls: Controls, changed: Callable[[set[str]], None], clock: Callable[[], float] = monotonic
    ) -> None:
        self.on_tap: Callable[[], None] = lambda: None
        self._controls, self._changed, self._clock = controls, changed, clock
        self._taps: deque[float] = deque(maxlen=TAPS)

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {f"{ROOT}/tempo/tap": Handler(self._tap), f"{ROOT}/tempo/nudge": Handler(self._nudge)}

    def _tap(self, sender: Peer, values: tuple[()]) -> None:
        now = self._clock()
        if self._taps and now - self._taps[-1] > PAUSE_SECONDS:
            self._taps.clear()
        self._taps.append(now)
        if len(self._taps) > 1:
            beats = (len(self._taps) - 1) * 60.0 / max(self._taps[-1] - self._taps[0], 1e-6)
            self._set("tap", beats)
        self.on_tap()

    def _nudge(self, sender: Peer, values: tuple[float]) -> None:
        self._set("nudge", self._controls.tempo() + values[0])

    def _set(self, command: str, beats: float) -> None:
        try:
            value = self._controls.check(TEMPO, (round(beats, 2),))
        except OscError as error:
            raise OscError(f"{ROOT}/tempo/{command}", error.got, error.expected) from error
        self._changed(self._controls.change(TEMPO, value))

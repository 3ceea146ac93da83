"""What surfaces set of the clock: Link joined and left, the tempo that follows it, where bars begin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from bridge.clock.ableton_link import LinkClock, NoLink, load_library
from bridge.clock.clock import Clock
from bridge.osc.address_space.addresses import ROOT, Address
from bridge.osc.address_space.values import OscError
from bridge.osc.clock.tempo_commands import TEMPO
from bridge.osc.controls.state import FOLLOW, LINK, Controls
from bridge.osc.handlers import Handler
from bridge.osc.transport.surface import Peer

NEAR = 0.005  # beats a minute: what is so close is the same tempo
DIGITS = 2


class ClockControls:
    """`changed` is told that the tempo is another one."""

    def __init__(self, link: LinkClock, clock: Clock, controls: Controls, changed: Callable[[set[str]], None]) -> None:
        self._link, self._clock, self._controls, self._changed = link, clock, controls, changed

    def handlers(self) -> dict[str, Handler]:
        """By address."""
        return {f"{ROOT}/tempo/downbeat": Handler(self._downbeat)}

    def check_link(self, address: Address, value: Any) -> None:
        """For the control `clock/link`. Raises OscError where the library is missing."""
        if value:
            try:
                load_library()
            except NoLink as error:
                raise OscError(address.path, "1", str(error)) from error

    def link_set(self) -> None:
        """The control `clock/link` is another one."""
        if self._controls.values.get(LINK):
            self._link.join(self._controls.tempo())
        else:
            self._link.leave()

    def tempo_set(self) -> None:
        """The tempo is another one: a session that it follows gets it."""
        tempo, session = self._controls.values.get(TEMPO), self._link.tempo
        if tempo and session and self._controls.values.get(FOLLOW) and abs(tempo - session) > NEAR:
            self._link.set_tempo(tempo)

    def follow(self) -> None:
        """The tempo becomes the clock's, where it is to follow a clock that is not ours."""
        if not self._controls.values.get(FOLLOW):
            return
        beat = self._clock.beat()
        tempo = round(beat.tempo, DIGITS)
        if beat.source != self._clock.own.name and abs(tempo - self._controls.tempo()) > NEAR:
            with contextlib.suppress(OscError):  # a tempo that no request may have
                self._changed(self._controls.change(TEMPO, self._controls.check(TEMPO, (tempo,))))

    def tap(self) -> None:
        """Somebody tapped a beat."""
        self._clock.own.tap(self._clock.now())

    def _downbeat(self, sender: Peer, values: tuple[()]) -> None:
        source = self._clock.beat().source
        if source == self._link.name:
            self._link.downbeat(self._controls.meter())
        elif source == self._clock.own.name:
            self._clock.own.downbeat(self._clock.now())
        else:
            raise OscError(
                f"{ROOT}/tempo/downbeat",
                f"the clock {source}",
                "a clock of ours, or Link's; that one says where bars begin",
            )

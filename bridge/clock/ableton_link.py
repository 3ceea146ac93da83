"""Ableton Link as a clock: the beats that the programs of a network share. Knows no OSC.

By LinkPython-extern, a binding of Ableton's own library; it is optional.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from bridge.clock.timeline import Meter, Timeline
from bridge.protocol.errors import BridgeError
from engine.extras import how_to_install

BARS_IN_STEP = 64  # peers are in step within so many of our bars, and so within 1, 2, 4 ... of theirs
MICROSECONDS = 1e-6
EXTRA = "ableton-link"


class NoLink(BridgeError):
    """Link cannot be used here; says what to install."""


def load_library() -> Any:
    """The module of LinkPython-extern. Raises NoLink."""
    try:
        import link
    except ImportError as error:
        raise NoLink(f"Ableton Link needs another package ({error.name}): {how_to_install(EXTRA)}") from error
    return link


class LinkClock:
    """Joined while `joined` is set. Raises NoLink where that cannot be."""

    name = "link"

    def __init__(self) -> None:
        self._link: Any = None

    @property
    def joined(self) -> bool:
        """Whether we are part of the session."""
        return self._link is not None and bool(self._link.enabled)

    def join(self, tempo: float) -> None:
        """Be part of the session; `tempo` counts where there is none yet. Raises NoLink."""
        if self._link is None:
            self._link = load_library().Link(tempo)
        self._link.enabled = True

    def leave(self) -> None:
        """Be part of it no more."""
        if self._link is not None:
            self._link.enabled = False

    @property
    def peers(self) -> int:
        """How many others there are."""
        return int(self._link.numPeers()) if self.joined else 0

    @property
    def tempo(self) -> float | None:
        """The session's quarter notes a minute."""
        return float(self._link.captureAppSessionState().tempo()) if self.joined else None

    def line(self, now: float, tempo: float, meter: Meter) -> Timeline | None:
        """The session's beats. `now` is left: the library has its own clock, which is read beside ours."""
        if not self.joined:
            return None
        state = self._link.captureAppSessionState()
        seconds, micros = monotonic(), self._link.clock().micros()
        quarters = state.beatAtTime(micros, _quantum(meter))
        return Timeline(seconds, quarters * meter.note / 4.0, meter.rate(state.tempo()))

    def set_tempo(self, tempo: float) -> None:
        """Ask the session for another tempo: everybody gets it."""
        if self.joined:
            state = self._link.captureAppSessionState()
            state.setTempo(tempo, self._link.clock().micros())
            self._link.commitAppSessionState(state)

    def downbeat(self, meter: Meter) -> None:
        """A bar begins now; with others there, at their next one, since nobody's beat is moved."""
        if self.joined:
            state = self._link.captureAppSessionState()
            state.requestBeatAtTime(0.0, self._link.clock().micros(), _quantum(meter))
            self._link.commitAppSessionState(state)


def _quantum(meter: Meter) -> float:
    """In quarter notes."""
    return meter.beats * 4.0 / meter.note * BARS_IN_STEP

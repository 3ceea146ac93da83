"""Whether a pulse that was found is a piece's own beat: its tempo or an octave of it, and on its beats.

An octave counts only where the phase is right: at half the tempo every pulse lies on a beat, at double the tempo every
beat lies on a pulse. A pulse off the beat by half of one is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.audio.pulse import Onsets, Pulse, find_pulse
from tests.support.beat_corpus import RATE, SECONDS, Piece

GAP = 8.0, 12.0  # the region, which the finder does not hear
TEMPO_TOLERANCE = 0.01
ON_THE_BEAT_SECONDS = 0.035


@dataclass(frozen=True)
class Judged:
    """Whether a pulse was found; whether its tempo is right or an octave off; its error on the beats in ms, or None."""

    found: bool
    tempo: bool
    phase_ms: float | None

    @property
    def right(self) -> bool:
        """Found, at the tempo or an octave of it, and on the beats."""
        return self.tempo and self.phase_ms is not None and self.phase_ms <= 1000 * ON_THE_BEAT_SECONDS


def heard_pulse(piece: Piece) -> Pulse:
    """What the finder makes of the 8 s before and the 8 s after a region of 4 s."""
    first, last = (round(seconds * RATE) for seconds in GAP)
    sides = (piece.audio[:, :first], 0.0), (piece.audio[:, last:], GAP[1])
    return find_pulse([Onsets.of(audio, RATE, seconds, for_beats=True) for audio, seconds in sides])


def judge(piece: Piece, pulse: Pulse) -> Judged:
    """Of a piece that has a beat."""
    if not pulse.found:
        return Judged(False, False, None)
    ratio = pulse.period_seconds * piece.bpm / 60
    levels = (1 / 4, 1 / 2, 1, 2, 4, *((1 / 3, 3) if piece.threes else ()))
    if min(abs(ratio / level - 1) for level in levels) > TEMPO_TOLERANCE:
        return Judged(True, False, None)
    number = np.arange(np.ceil(SECONDS / pulse.period_seconds) + 1)
    times = pulse.first_seconds + number * pulse.period_seconds
    times = times[(times > piece.beats[0] - 0.01) & (times < piece.beats[-1] + 0.01)]
    fewer, more = (times, piece.beats) if ratio > 0.9 else (piece.beats, times)
    return Judged(True, True, 1000 * float(np.median(_distances(fewer, more))))


def _distances(these: NDArray[np.float64], those: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each of these is from the nearest of those."""
    return np.asarray(np.abs(these[:, None] - those[None]).min(axis=1))

"""Where in a period the beat lies: what is struck there, before and after it, and where harmony changes.

Attacks alone lie as often between the beats: bass and kick are syncopated, hats off the beat are loud. So each phase
is judged by what a network hears there (`beat_network`) and by a table of cues. Its weights are those of a logistic
regression over phases of pieces whose beats are known (`docs/decisions.md` says on which): a beat is where attacks are
loud, low and of drums' bodies, where each is unlike the next (kick and snare), where chords change, a low note led up
to it, and nothing of a drum's body follows.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from engine.audio.folding import PHASES, folded, vertex
from engine.audio.onsets import Band, Onsets
from engine.audio.steady_grid import phase_odds
from engine.audio.tones import Tones

Array = NDArray[np.float64]
_SAME_ATTACK_SECONDS = 0.03
_BEATS = 4  # of the longest pattern in which harmony changes
# what is heard: (how many quarters of a period later than it the beat is, how much that speaks for it)
_CUES: dict[str, tuple[tuple[int, float], ...]] = {
    "all": ((0, 2.8), (2, 1.2)),
    "low": ((0, 2.6),),
    "led up to": ((0, 2.4),),
    "level": ((0, 1.0),),
    "body": ((0, 2.7), (3, -2.0)),
    "turns": ((0, 2.5),),
    "harmony": ((0, 2.8),),
    "slow harmony": ((0, 2.2),),
}
_QUARTER = PHASES // 4
_NETWORK = 0.1  # how much its log odds count beside the cues: its beats are not independent
_NOTHING = 1e-12


def beat_phase(stretches: list[Onsets], bands: list[Band], period: float) -> float:
    """The time of a beat in [0, period), to the moment of the first of `bands`."""
    together = reduce(Onsets.and_then, stretches)
    total = np.zeros(PHASES)
    for name, values in _heard(stretches, together, period).items():
        total += np.sum([weight * np.roll(values, later * _QUARTER) for later, weight in _CUES[name]], axis=0)
    odds = [stretch.odds for stretch in stretches if stretch.odds is not None]
    if odds:
        total += _NETWORK * phase_odds(odds, period, PHASES)
    near, exact = int(np.argmax(total)), _shares(together, bands[0], period)
    wide = max(1, round(_SAME_ATTACK_SECONDS / period * PHASES))
    window = np.arange(near - wide, near + wide + 1) % PHASES
    best = int(window[np.argmax(exact[window])])
    return float(np.mod((best + vertex(exact, best)) / PHASES * period, period))


def _heard(stretches: list[Onsets], together: Onsets, period: float) -> dict[str, Array]:
    """Each cue by phase, 0 to 1: (96,)."""
    bands: tuple[Band, ...] = ("all", "low", "level", "body")
    cues: dict[str, Array] = {band: _spread(_shares(together, band, period), period) for band in bands}
    cues["led up to"] = np.minimum(cues["low"], np.roll(cues["low"], _QUARTER))
    cues["turns"] = np.minimum(_alternation(together, period), cues["level"])
    tones = [stretch.tones for stretch in stretches if stretch.tones is not None]
    return cues | {"harmony": _harmony(tones, period, 1), "slow harmony": _harmony(tones, period, 2)}


def _shares(onsets: Onsets, band: Band, period: float) -> Array:
    values = folded(*onsets.attacks[band], period)
    return values / max(float(values.max()), _NOTHING)


def _alternation(onsets: Onsets, period: float) -> Array:
    """How unlike in level the attacks of each phase are from one period to the next, 0 to 1: (96,)."""
    both = folded(*onsets.attacks["level"], 2 * period, 2 * PHASES)
    one, other = (_spread(half, period) for half in np.split(both, 2))
    return np.abs(one - other) / max(float(one.max()), float(other.max()), _NOTHING)


def _harmony(stretches: list[Tones], period: float, beats: int) -> Array:
    """How much the tones of some beats change at each phase, in that beat of four where they change most: (96,)."""
    sums, counts = np.zeros(_BEATS * PHASES), np.zeros(_BEATS * PHASES)
    for tones in stretches:
        times, changes = tones.changes(beats * period)
        place = np.floor(np.mod(times / period, _BEATS) * PHASES).astype(np.intp) % sums.size
        sums += np.bincount(place, changes, sums.size)
        counts += np.bincount(place, minlength=sums.size)
    known = np.flatnonzero(counts)
    if known.size == 0:
        return np.zeros(PHASES)
    means = np.interp(np.arange(sums.size), known, sums[known] / counts[known], period=sums.size)
    kernel = np.hanning(9) / np.hanning(9).sum()
    smooth = np.convolve(np.concatenate([means[-4:], means, means[:4]]), kernel, "valid")
    least, most = float(smooth.min()), float(smooth.max())
    return np.asarray((smooth.reshape(_BEATS, PHASES).max(axis=0) - least) / max(most - least, _NOTHING))


def _spread(values: Array, period: float) -> Array:
    """The largest within a few milliseconds of each phase: the same attack in two bands is not heard at one time."""
    wide = max(1, round(_SAME_ATTACK_SECONDS / 2 / period * PHASES))
    return np.asarray(np.max([np.roll(values, k) for k in range(-wide, wide + 1)], axis=0))

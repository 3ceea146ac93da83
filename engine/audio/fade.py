"""The law of a fade: at every moment as loud as an even passage from the one piece to the other. Numbers only.

Two pieces faded into one another by equal-power curves keep their level only where they are unlike. What is alike
swells, what is opposed dips, and in real music the one becomes the other within milliseconds, since bass notes of
different phase meet within a few of their periods. So the curves are scaled at each moment by the powers of both and of
their product there, averaged over 8 ms, and then evened twice by what is left over 12 ms, but at the ends, where each
piece stands alone. Where the two would cancel, they are raised by some decibels only: a fade there has another place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HEARD_SECONDS = 0.016  # a triangle that equals 8 ms of an even window, as the ear's own does (Moore et al., 1988)
ALIKE_CORRELATION = 2**0.5 - 1  # from here on linear curves are nearer to an even level than equal-power ones
_AVERAGED_SECONDS, _EVENED_SECONDS = 0.008, 0.012
_LEAST_CORRELATION = -0.75  # raised by 6 dB at most
_PASSES, _PASS_DB, _ENDS = 2, 3.0, 0.1
_INAUDIBLE, _MASKED = 1e-6, 1e-4  # of the loudest power: -60 dB for the law, -40 dB for what is heard of it
_NOTHING = 1e-20


@dataclass(frozen=True, eq=False)
class Powers:
    """Powers of two pieces and their product, moment by moment: float64 (..., n)."""

    first: Array
    second: Array
    product: Array

    @staticmethod
    def of(first: Array, second: Array) -> Powers:
        """Of pieces (channels, n), over all channels: (n,)."""
        return Powers((first**2).sum(axis=0), (second**2).sum(axis=0), (first * second).sum(axis=0))

    def part(self, moments: slice) -> Powers:
        """Some of the moments."""
        return Powers(self.first[..., moments], self.second[..., moments], self.product[..., moments])

    def averaged(self, length: int) -> Powers:
        """Each over a triangle of `length` moments."""
        return Powers(averaged(self.first, length), averaged(self.second, length), averaged(self.product, length))

    def even(self) -> Array:
        """The power of an even passage from the first to the second."""
        count = self.first.shape[-1]
        share = np.sin((np.arange(count) + 0.5) / count * np.pi / 2) ** 2
        return np.asarray(self.first * (1 - share) + self.second * share)

    def faded(self, out: Array, into: Array) -> Array:
        """The power of their sum, at these gains."""
        return self.first * out**2 + self.second * into**2 + 2 * self.product * out * into

    @property
    def correlation(self) -> Array:
        """Normalised, over all moments: -1 to 1; 0 where either is silent."""
        first, second, product = (power.sum(axis=-1) for power in (self.first, self.second, self.product))
        scale = np.sqrt(np.maximum(first * second, 0.0))
        return np.asarray(np.where(scale > 0, product / np.maximum(scale, _NOTHING), 0.0))


def averaged(power: Array, length: int) -> Array:
    """(..., n) over a triangle of `length` moments; beyond the ends is nothing."""
    from scipy.ndimage import uniform_filter1d

    half = max(1, length // 2) | 1  # an even one would move it by half a moment
    return np.asarray(uniform_filter1d(uniform_filter1d(power, half, mode="constant"), half, mode="constant"))


def curves(powers: Powers, rate: float) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Gains (..., n) of both pieces at each moment of a fade, `rate` a second; and whether linear ones were scaled."""
    count = powers.first.shape[-1]
    t = (np.arange(count) + 0.5) / count
    linear = powers.correlation >= ALIKE_CORRELATION
    out = np.where(linear[..., None], 1 - t, np.cos(t * np.pi / 2))
    into = np.where(linear[..., None], t, np.sin(t * np.pi / 2))
    there = powers.averaged(min(count, round(_AVERAGED_SECONDS * rate)))
    first, second = np.maximum(there.first, 0.0), np.maximum(there.second, 0.0)
    there = Powers(first, second, np.maximum(there.product, _LEAST_CORRELATION * np.sqrt(first * second)))
    silence = _INAUDIBLE * (first + second).max(axis=-1, keepdims=True) + _NOTHING
    scale = np.sqrt((there.even() + silence) / (there.faded(out, into) + silence))
    scale = scale * _evening(powers, out * scale, into * scale, rate)
    return out * scale, into * scale, linear


def _evening(powers: Powers, out: Array, into: Array, rate: float) -> Array:
    """What a fade has to be raised by, (..., n), to be even over 12 ms; nothing at its ends."""
    count = out.shape[-1]
    length = min(count, round(_EVENED_SECONDS * rate))
    t = (np.arange(count) + 0.5) / count
    away = np.clip(np.minimum(t, 1 - t) / _ENDS, 0, 1)
    even = np.maximum(averaged(powers.even(), length), 0.0)
    faded, silence = powers.faded(out, into), _INAUDIBLE * even.max(axis=-1, keepdims=True) + _NOTHING
    raised = np.zeros_like(out)  # in dB
    for _ in range(_PASSES):
        heard = np.maximum(averaged(faded * 10 ** (raised / 10), length), 0.0)
        off = 10 * np.log10((even + silence) / (heard + silence))
        raised = raised + away * np.clip(off, -_PASS_DB, _PASS_DB)
    return np.asarray(10 ** (raised / 20))


def crossfade(old: Array, new: Array, sample_rate: int) -> tuple[Array, str]:
    """From `old` to `new`, both (channels, n); and which curves were scaled: "linear", "equal-power", "none"."""
    if old.shape[1] == 0:
        return new, "none"
    out, into, linear = curves(Powers.of(old, new), sample_rate)
    return old * out + new * into, "linear" if linear else "equal-power"


def level_off_db(powers: Powers, start: int, count: int, rate: float, sounding: Array | None = None) -> Array:
    """How far a fade's level is off an even passage at its worst moment, in dB: (...,).

    The fade lies in moments [start, start + count) of `powers`, `rate` a second; `sounding` is the power that it was
    given, (..., n), else what `curves` will give it. Both are heard as the ear does, over `HEARD_SECONDS`, with what
    sounds before and after; what is 40 dB under the loudest moment does not count. What the music itself does to the
    level is in both.
    """
    stop = start + count
    inside = powers.part(slice(start, stop))
    if sounding is None:
        out, into, _ = curves(inside, rate)
        sounding = _between(powers, inside.faded(out, into), start, stop)
    length = round(HEARD_SECONDS * rate)
    even = averaged(_between(powers, inside.even(), start, stop), length)[..., start:stop]
    heard = averaged(sounding, length)[..., start:stop]
    masked = _MASKED * even.max(axis=-1, keepdims=True) + _NOTHING
    off = 10 * np.log10((np.maximum(heard, 0.0) + masked) / (np.maximum(even, 0.0) + masked))
    return np.asarray(np.abs(off).max(axis=-1))


def _between(powers: Powers, fade: Array, start: int, stop: int) -> Array:
    """The first piece, a fade, the second."""
    return np.concatenate([powers.first[..., :start], fade, powers.second[..., stop:]], axis=-1)

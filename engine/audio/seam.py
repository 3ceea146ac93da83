r"""Joining what the model made to its source: crossfades around the region, everything else left as it was.

    source   ############\                       /############     weights of the source
    made                 /#######################\                 weights of what was made
                  |-fade-|        region         |-fade-|

A fade is equal-power for unlike material and linear for alike, chosen by the correlation of the two inside it. The
loudness gain is constant over all made material, fades included, so that it cannot click. Works on float64 and knows
no files; `engine.rendering.render` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.buffer import Samples
from engine.audio.exact import match_channels
from engine.audio.loudness import headroom_db, matching_gain_db
from engine.audio.window import Region, Window

ALIKE_CORRELATION = 2**0.5 - 1  # there a linear fade is 1.5 dB too quiet in its middle, an equal-power one 1.5 dB loud
_CONTEXT_SECONDS = 10.0
ReadSource = Callable[[int, int], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Made:
    """What the model made: float32 (channels, n) at the source's rate, its first sample at `position` of the source."""

    samples: Samples
    position: int

    def part(self, start: int, stop: int) -> NDArray[np.float64]:
        """Samples [start, stop) in positions of the source, repeated at its ends if it is a little short."""
        index = np.clip(np.arange(start, stop) - self.position, 0, self.samples.shape[1] - 1)
        return self.samples[:, index].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Patch:
    """The samples that replace the source's from `position` on: region and fades, float64 (channels, n).

    `unfaded` is the same stretch of made audio at its gain before the fades: a clip with its handles, for a DAW.
    """

    position: int
    samples: NDArray[np.float64]
    gain_db: float
    fade_in: str
    fade_out: str
    unfaded: NDArray[np.float64]

    @property
    def end(self) -> int:
        return self.position + self.samples.shape[1]


def make_patches(
    read: ReadSource, channels: int, made: Made, window: Window, match_loudness: bool = True
) -> tuple[Patch, ...]:
    """One patch a region. `read(start, stop)` gives the source's samples at full scale +-1."""
    return tuple(_patch(read, channels, made, window, region, match_loudness) for region in window.regions)


def context_around(read: ReadSource, window: Window, region: Region) -> tuple[NDArray[Any], NDArray[Any]]:
    """The source before and after a region and its fades, at most 10 s of each: what its loudness follows."""
    length = round(_CONTEXT_SECONDS * window.sample_rate)
    first, last = max(0, min(region.fade_start, window.source_samples)), min(region.fade_end, window.source_samples)
    last = max(0, last)
    return read(max(0, first - length), first), read(last, min(window.source_samples, last + length))


def _patch(read: ReadSource, channels: int, made: Made, window: Window, region: Region, match_loudness: bool) -> Patch:
    new = match_channels(made.part(region.fade_start, region.fade_end), channels)
    gain_db = 0.0
    if match_loudness:
        context = np.concatenate(context_around(read, window, region), axis=1)
        inner = new[:, region.fade_before : new.shape[1] - region.fade_after]
        there = read(region.fade_start, region.fade_end)
        headroom = headroom_db(new, np.concatenate([context, there], axis=1))
        gain_db = min(matching_gain_db(inner, context, window.sample_rate), headroom)
    new = new * 10 ** (gain_db / 20)
    unfaded = new.copy()
    fade_in = fade_out = "none"
    if region.fade_before:
        head = slice(0, region.fade_before)
        new[:, head], fade_in = crossfade(read(region.fade_start, region.start), new[:, head])
    if region.fade_after:
        tail = slice(new.shape[1] - region.fade_after, None)
        new[:, tail], fade_out = crossfade(new[:, tail], read(region.end, region.fade_end))
    return Patch(region.fade_start, new, gain_db, fade_in, fade_out, unfaded)


def crossfade(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """From `old` to `new`, both (channels, n); and which curve was taken: "linear" or "equal-power"."""
    t = (np.arange(old.shape[1]) + 0.5) / old.shape[1]
    if correlation(old, new) >= ALIKE_CORRELATION:
        return old * (1 - t) + new * t, "linear"
    return old * np.cos(t * np.pi / 2) + new * np.sin(t * np.pi / 2), "equal-power"


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Normalised correlation of two pieces of one shape, -1 to 1; 0 where either is silent."""
    scale = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / scale if scale > 0 else 0.0

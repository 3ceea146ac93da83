r"""Joining what the model made to its source: crossfades around the region, everything else left as it was.

    source   ############\                       /############     weights of the source
    made                 /#######################\                 weights of what was made
                  |-fade-|        region         |-fade-|

The fades lie where they are heard least (`joint`), or as the whole handles at the borders. A fade is equal-power for
unlike material and linear for alike, chosen and scaled by the correlation of the two inside it. The loudness gain is
constant over all made material, fades included, so that it cannot click. Works on float64 and knows no files;
`engine.rendering.render` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.buffer import Samples
from engine.audio.exact import match_channels
from engine.audio.joint import MARGIN_SECONDS, Stretch, place_fade
from engine.audio.loudness import headroom_db, matching_gain_db
from engine.audio.window import Region, Window

ALIKE_CORRELATION = 2**0.5 - 1  # there a linear fade is 1.5 dB too quiet in its middle, an equal-power one 1.5 dB loud
_LEAST_CORRELATION = -0.5
_CONTEXT_SECONDS = 10.0
Span = tuple[int, int]
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
    """The samples that replace the source's from `position` on: fades and what is between, float64 (channels, n).

    `joints` are the positions [start, stop) of the fade at each border, None where there is none.
    """

    position: int
    samples: NDArray[np.float64]
    gain_db: float
    fade_in: str
    fade_out: str
    joints: tuple[Span | None, Span | None] = (None, None)

    @property
    def end(self) -> int:
        return self.position + self.samples.shape[1]


@dataclass(frozen=True)
class Fitting:
    """How made material is fitted: loudness, and how far in seconds from a border the fade may lie.

    With 0 seconds the fades are the whole handles, at the borders. A window of the reference's way keeps its splice.
    """

    match_loudness: bool = True
    search_seconds: float = 0.0


def make_patches(
    read: ReadSource, channels: int, made: Made, window: Window, fitting: Fitting | None = None
) -> tuple[Patch, ...]:
    """One patch a region. `read(start, stop)` gives the source's samples at full scale +-1."""
    how = fitting or Fitting()
    return tuple(_patch(read, channels, made, window, region, how) for region in window.regions)


def context_around(read: ReadSource, window: Window, region: Region) -> tuple[NDArray[Any], NDArray[Any]]:
    """The source before and after a region and its fades, at most 10 s of each: what its loudness follows."""
    length = round(_CONTEXT_SECONDS * window.sample_rate)
    first, last = max(0, min(region.fade_start, window.source_samples)), min(region.fade_end, window.source_samples)
    last = max(0, last)
    return read(max(0, first - length), first), read(last, min(window.source_samples, last + length))


def _patch(read: ReadSource, channels: int, made: Made, window: Window, region: Region, how: Fitting) -> Patch:
    new = match_channels(made.part(region.fade_start, region.fade_end), channels)
    gain_db = 0.0
    if how.match_loudness:
        gain_db = _gain_db(read, new, window, region)
    new = new * 10 ** (gain_db / 20)
    before, after = _joints(read, new, window, region, how)
    fade_in = fade_out = "none"
    first, last = region.fade_start, region.fade_end
    if before is not None:
        here = slice(before[0] - first, before[1] - first)
        new[:, here], fade_in = crossfade(read(*before), new[:, here])
    if after is not None:
        here = slice(after[0] - first, after[1] - first)
        new[:, here], fade_out = crossfade(new[:, here], read(*after))
    start, stop = before[0] if before else first, after[1] if after else last
    return Patch(start, new[:, start - first : stop - first], gain_db, fade_in, fade_out, (before, after))


def _gain_db(read: ReadSource, new: NDArray[np.float64], window: Window, region: Region) -> float:
    context = np.concatenate(context_around(read, window, region), axis=1)
    inner = new[:, region.fade_before : new.shape[1] - region.fade_after]
    there = read(region.fade_start, region.fade_end)
    headroom = headroom_db(new, np.concatenate([context, there], axis=1))
    return min(matching_gain_db(inner, context, window.sample_rate), headroom)


def _joints(
    read: ReadSource, new: NDArray[np.float64], window: Window, region: Region, how: Fitting
) -> tuple[Span | None, Span | None]:
    """Where the fades at the start and at the end lie, as positions of the source."""
    before = (region.fade_start, region.start) if region.fade_before else None
    after = (region.end, region.fade_end) if region.fade_after else None
    inward = min(round(how.search_seconds * window.sample_rate), (region.end - region.start) // 4)
    if window.parity or inward <= 0:
        return before, after
    if before is not None:
        before = _placed(read, new, window, region, (before[0], min(before[1] + inward, window.source_samples)), before)
    if after is not None:
        after = _placed(read, new, window, region, (max(after[0] - inward, 0), after[1]), after)
    return before, after


def _placed(
    read: ReadSource, new: NDArray[np.float64], window: Window, region: Region, free: Span, border: Span
) -> Span:
    """The best place within `free` for the fade that lies at `border` when it is pinned."""
    margin = round(MARGIN_SECONDS * window.sample_rate)
    start, stop = free[0] - margin, free[1] + margin
    old_known = max(start, 0) - start, min(stop, window.source_samples) - start
    new_known = max(start, region.fade_start) - start, min(stop, region.fade_end) - start
    made = np.zeros((new.shape[0], stop - start))
    made[:, slice(*new_known)] = new[
        :, new_known[0] + start - region.fade_start : new_known[1] + start - region.fade_start
    ]
    old = (read(start, stop), old_known)
    first, second = (old, (made, new_known)) if border[0] < region.start else ((made, new_known), old)
    fade = border[1] - border[0]
    at, length = place_fade(
        Stretch(
            first[0], second[0], window.sample_rate, free[0] - start, free[1] - start, border[0] - start, fade,
            first[1], second[1],
        )
    )  # fmt: skip
    return at + start, at + start + length


def crossfade(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """From `old` to `new`, both (channels, n); and which curve was taken: "linear" or "equal-power".

    Both are scaled by what the correlation of the two makes of the power of their sum, so that neither like nor unlike
    material swells or dips in between.
    """
    t = (np.arange(old.shape[1]) + 0.5) / old.shape[1]
    alike = float(np.clip(correlation(old, new), _LEAST_CORRELATION, 1))
    linear = alike >= ALIKE_CORRELATION
    out, into = (1 - t, t) if linear else (np.cos(t * np.pi / 2), np.sin(t * np.pi / 2))
    scale = 1 / np.sqrt(out**2 + into**2 + 2 * alike * out * into)
    return old * (out * scale) + new * (into * scale), "linear" if linear else "equal-power"


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Normalised correlation of two pieces of one shape, -1 to 1; 0 where either is silent."""
    scale = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / scale if scale > 0 else 0.0

"""Fixed item lanes of a track, as REAPER 7 saves them, and which of them are heard.

A track with lanes has `FREEMODE 2`, `ITEMLANES count` and, unless all of them play, `LANESOLO word word ...`: bit n of
the 32-bit words says whether lane n plays. An item has no lane number, only `YPOS top height 2`, fractions of the
track's height. `LANEREC record comp ...` names the lane that is comped from others (-1: none). On a track whose lanes
were switched off (no `FREEMODE 2`), items that still lie in a lane that did not play are neither shown nor heard.
Source: project files saved by REAPER 7.27 to 7.81; the API's C_LANEPLAYS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.rpp.text import Block, Line, number

_FIXED_LANES = 2  # of FREEMODE, and of an item's YPOS; FREEMODE 1 is free positioning
_WORD_BITS = 32
_SMALLEST_HEIGHT = 1e-6


@dataclass(frozen=True)
class Lanes:
    """A track's lanes. `on`: the track shows lanes now; `solo`: bits of the lanes that play, None where all do."""

    on: bool = False
    count: int = 1
    solo: int | None = None
    comp: int | None = None

    @property
    def playing(self) -> tuple[int, ...]:
        """The lanes that are heard, from the top."""
        return tuple(lane for lane in range(self.count) if self.plays(lane))

    def plays(self, lane: int) -> bool:
        return self.solo is None or bool(self.solo >> lane & 1)


@dataclass(frozen=True)
class LanePlace:
    """Where an item lies: its lane, and whether it is heard there."""

    lane: int = 0
    plays: bool = True


NO_LANES, ONE_LANE = Lanes(), LanePlace()


def read_lanes(track: Block) -> Lanes:
    """The lanes of a TRACK block; one that plays where it has none."""
    mode, count, comp = track.line("FREEMODE"), track.line("ITEMLANES"), track.line("LANEREC")
    compared = int(number(comp, 2, -1)) if comp else -1
    return Lanes(
        on=mode is not None and number(mode, default=0) == _FIXED_LANES,
        count=max([1, int(number(count, default=1)) if count else 1, *_counts(track.blocks("ITEM"))]),
        solo=_solo(track.line("LANESOLO")),
        comp=compared if compared >= 0 else None,
    )


def place_of(item: Block, lanes: Lanes) -> LanePlace:
    """Where an ITEM block lies among the lanes of its track."""
    line = item.line("YPOS")
    if line is None or (not lanes.on and int(number(line, 3, 0)) != _FIXED_LANES):
        return ONE_LANE
    lane = _lane(line)
    return LanePlace(lane, lanes.plays(lane))


def lane_line(lane: int, count: int) -> str:
    """The line that puts an item into a lane."""
    top, height = (f"{value:.6f}".rstrip("0").rstrip(".") for value in (lane / count, 1 / count))
    return f"YPOS {top or '0'} {height} {_FIXED_LANES}"


def _solo(line: Line | None) -> int | None:
    if line is None:
        return None
    words = [int(number(line, index)) & (1 << _WORD_BITS) - 1 for index in range(1, len(line.words))]
    return sum(word << _WORD_BITS * index for index, word in enumerate(words))


def _lane(line: Line) -> int:
    height = number(line, 2, 1.0)
    return max(0, round(number(line, 1, 0.0) / height)) if height > _SMALLEST_HEIGHT else 0


def _counts(items: Iterable[Block]) -> Iterable[int]:
    """How many lanes the items' heights and places speak of: ITEMLANES may be too small."""
    for item in items:
        line = item.line("YPOS")
        if line is not None and int(number(line, 3, 0)) == _FIXED_LANES:
            height = number(line, 2, 1.0)
            yield max(_lane(line) + 1, round(1 / height) if height > _SMALLEST_HEIGHT else 1)

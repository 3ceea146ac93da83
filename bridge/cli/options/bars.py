"""Bars of a tempo as times. Bar 1 begins at the first bar line: at `downbeat_time`, or at the tempo map's start.

--start-bar 9 --end-bar 13    from the beginning of bar 9 to the beginning of bar 13: four bars
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Annotated, Any

import typer

from engine.errors import InvalidRequest

MOST_BARS = 100_000  # a day and more
_NEAR = 1e-6  # of a bar
StartBar = Annotated[
    int | None,
    typer.Option("--start-bar", metavar="BAR", min=1, help="Instead of --start-time: where bar BAR begins."),
]
EndBar = Annotated[
    int | None,
    typer.Option(
        "--end-bar",
        metavar="BAR",
        min=1,
        help="Instead of --end-time: where bar BAR begins. 9 and 13 are the four bars 9 to 12.",
    ),
]


def bar_lines(points: Sequence[Any]) -> Iterator[float]:
    """The times at which bars begin, in seconds, from the first line of the first point on, without an end."""
    for point, following in pairwise([*points, None]):
        assert point is not None
        at = point.time + (-point.bar_phase % 1.0) * point.bar_seconds
        while following is None or at < following.time - _NEAR * point.bar_seconds:
            yield at
            at += point.bar_seconds


def time_of_bar(points: Sequence[Any], bar: int) -> float:
    """When bar `bar` (counted from 1) begins, in seconds."""
    return round(next(islice(bar_lines(points), bar - 1, None)), 9)


def tempo_points(fields: dict[str, Any]) -> list[Any]:
    """The tempo map that a request's options give, one of the tags among them. Raises `InvalidRequest` without one."""
    from engine.grid.beat_grid import tempo_from_tags
    from engine.grid.tempo_map import TempoMap, TempoPoint
    from engine.requests.check import parse_meter

    if fields.get("tempo_map"):
        return list(TempoMap.from_points(fields["tempo_map"]).points)
    bpm = fields.get("tempo") or tempo_from_tags(str(fields.get("tags") or ""))
    if bpm is None:
        raise InvalidRequest("start_bar", "bars without a tempo", "bars of a tempo", "Add --tempo 124 (--meter 6/8).")
    numerator, denominator = parse_meter(fields.get("meter") or "4/4")
    return [TempoPoint(float(fields.get("downbeat_time") or 0.0), float(bpm), numerator, denominator)]


def times_of_bars(points: Sequence[Any], start: int | None, end: int | None) -> dict[str, float]:
    """start_time and end_time of the bars that are given. Raises `InvalidRequest` for an end that is not behind."""
    if start is not None and end is not None and end <= start:
        got, expected = f"bar {end}", f"a bar behind --start-bar {start}"
        raise InvalidRequest("--end-bar", got, expected, f"{start + 4} makes four bars of it.")
    if max(start or 0, end or 0) > MOST_BARS:
        raise InvalidRequest("--end-bar", str(end or start), f"at most {MOST_BARS}", "Say the times in seconds.")
    bars = {"start_time": start, "end_time": end}
    return {name: time_of_bar(points, bar) for name, bar in bars.items() if bar is not None}

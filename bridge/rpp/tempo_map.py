"""A project's tempo and meter over time, and the points that a request carries.

In a project file `TEMPO bpm num den` is the start and TEMPOENVEX holds the changes; bpm counts quarter notes.
A point's shape 1 holds its tempo, 0 moves in a straight line to the next. Knows no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.rpp.text import Block, Line, number, refused

_LARGEST_STEP_BPM = 0.25
_MOST_STEPS = 64


@dataclass(frozen=True)
class TempoMarker:
    """From `time` on (project seconds): quarter notes a minute, meter, and whether it moves to the next tempo."""

    time: float
    bpm: float
    numerator: int = 4
    denominator: int = 4
    linear: bool = False
    new_bar: bool = False

    @property
    def quarters_in_bar(self) -> float:
        return self.numerator * 4.0 / self.denominator


def read_tempo_points(root: Block) -> tuple[TempoMarker, ...]:
    """The project's tempo points, at least one, in order; the first is at 0 or before."""
    points = [_first(root.line("TEMPO"))]
    for envelope in root.blocks("TEMPOENVEX"):
        for line in envelope.lines("PT"):
            points.append(_point(line, points[-1]))
    points.sort(key=lambda point: point.time)
    later = [point for point in points[1:] if point.time <= 0]
    return tuple(points[1:] if later else points)


def _first(line: Line | None) -> TempoMarker:
    if line is None:
        raise refused("TEMPO", "a project without a tempo", "a TEMPO line")
    bpm = number(line)
    numerator, denominator = int(number(line, 2, 4)), int(number(line, 3, 4))
    return _checked(TempoMarker(0.0, bpm, numerator, denominator, new_bar=True), line)


def _point(line: Line, before: TempoMarker) -> TempoMarker:
    signature = int(number(line, 4, 0))
    point = replace(
        before, time=number(line), bpm=number(line, 2), linear=number(line, 3, 1) == 0, new_bar=signature != 0
    )
    if signature:
        point = replace(point, numerator=signature & 0xFFFF, denominator=signature >> 16)
    return _checked(point, line)


def _checked(point: TempoMarker, line: Line) -> TempoMarker:
    if not (0 < point.bpm < 10_000 and point.numerator > 0 and point.denominator > 0):
        raise refused("tempo", repr(line.content[:60]), "a tempo and meter above 0")
    return point


def steps(points: tuple[TempoMarker, ...]) -> list[tuple[TempoMarker, float]]:
    """Points of constant tempo, each with the phase of its bar in [0, 1); linear changes become small steps."""
    result: list[tuple[TempoMarker, float]] = []
    quarters = 0.0  # since the last bar that a meter began
    for index, point in enumerate(points):
        if point.new_bar:
            quarters = 0.0
        following = points[index + 1] if index + 1 < len(points) else None
        for piece, duration in _pieces(point, following):
            result.append((piece, (quarters / piece.quarters_in_bar) % 1.0))
            quarters += duration * piece.bpm / 60.0
    return result


def _pieces(point: TempoMarker, following: TempoMarker | None) -> list[tuple[TempoMarker, float]]:
    if following is None:
        return [(replace(point, linear=False), 0.0)]
    duration, change = following.time - point.time, following.bpm - point.bpm
    if not point.linear or duration <= 0:
        return [(replace(point, linear=False), max(duration, 0.0))]
    count = min(_MOST_STEPS, max(1, round(abs(change) / _LARGEST_STEP_BPM)))
    width = duration / count
    return [
        (
            replace(point, time=point.time + i * width, bpm=point.bpm + change * (i + 0.5) / count, linear=False),
            width,
        )
        for i in range(count)
    ]


def request_map(
    points: tuple[TempoMarker, ...], start: float, end: float, position: float, offset: float, rate: float
) -> list[dict[str, float | int]]:
    """The request's tempo_map for project seconds start..end of an item, in seconds and tempo of its source.

    An item at `position` plays its source from `offset` on at `rate`; source time is
    offset + (t - position) * rate and the tempo there bpm / rate.
    """
    pieces = steps(points)
    first = max((i for i, (p, _) in enumerate(pieces) if p.time <= start), default=0)
    chosen = [entry for i, entry in enumerate(pieces) if i >= first and (i == first or entry[0].time < end)]
    chosen = list({point.time: (point, phase) for point, phase in chosen}.values())  # of two at one time the later
    return [
        {
            "time": offset + (point.time - position) * rate,
            "bpm": point.bpm / rate,
            "numerator": point.numerator,
            "denominator": point.denominator,
            "bar_phase": phase,
        }
        for point, phase in chosen
    ]

"""The project's tempo map as request points, and bars to snap to. Knows time, not audio."""

from reaper_python import *

RAMP_STEP_SECONDS = 0.5
MAX_POINTS = 1000  # more than a map with a marker each beat needs for what is sent


def point_at(time, bpm=None):
    """One point in project time: tempo, meter and phase within the bar."""
    _, _, numerator, denominator, tempo = RPR_TimeMap_GetTimeSigAtTime(0, time, 0, 0, 0)
    beats = RPR_TimeMap2_timeToBeats(0, time, 0, 0, 0, 0)[0]
    phase = (beats / numerator) % 1.0 if numerator else 0.0
    if phase > 1.0 - 1e-6:
        phase = 0.0
    return {"time": time, "bpm": bpm or tempo, "numerator": int(numerator or 4),
            "denominator": int(denominator or 4), "bar_phase": max(phase, 0.0)}  # fmt: skip


def _markers(start, end):
    """(time, linear, time of the next one or None) of the markers in force between two times."""
    markers = []
    index = max(RPR_FindTempoTimeSigMarker(0, start), 0)
    while True:
        ok, _, _, time, _, _, _, _, _, linear = RPR_GetTempoTimeSigMarker(0, index, 0, 0, 0, 0, 0, 0, 0)
        if not ok:
            break
        if markers:
            markers[-1][2] = time
        if time >= end or len(markers) == MAX_POINTS:
            break
        markers.append([time, bool(linear), None])
        index += 1
    return markers


def _change_times(start, end):
    """Where the tempo is given again: at markers, and every half second of a ramp."""
    times = set([start])
    for time, linear, after in _markers(start, end):
        if start < time < end:
            times.add(time)
        if linear and after is not None:
            at = max(time, start) + RAMP_STEP_SECONDS
            while at < min(after, end):
                times.add(at)
                at += RAMP_STEP_SECONDS
    return sorted(times)[:MAX_POINTS]


def points(start, end):
    """Points of the map between two project times; the first one is at `start`."""
    return [point_at(time) for time in _change_times(start, end)]


def in_source(points, position, offset, rate):
    """The same points in source time, for a take at `position` that plays its source at `rate`."""
    return [dict(point, time=offset + (point["time"] - position) * rate, bpm=point["bpm"] / rate) for point in points]


def nearest_bar(time):
    """The bar line next to a project time, in seconds."""
    measure = RPR_TimeMap2_timeToBeats(0, time, 0, 0, 0, 0)[3]
    before = RPR_TimeMap_GetMeasureInfo(0, measure, 0, 0, 0, 0, 0)[0]
    after = RPR_TimeMap_GetMeasureInfo(0, measure + 1, 0, 0, 0, 0, 0)[0]
    return before if time - before <= after - time else after


def snapped(start, end):
    """A range on bar lines; unchanged where that would leave nothing."""
    first, last = nearest_bar(start), nearest_bar(end)
    return (first, last) if last - first > 1e-6 else (start, end)

"""The beat grid: ids at frame centres, meters, tempo changes, and tempo from tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.constants import FRAME_RATE
from engine.grid.beat_grid import VOCABULARY, TempoMap, TempoPoint, beat_grid_ids, tempo_from_tags


def test_no_map_is_unknown() -> None:
    assert beat_grid_ids(None, 0.0, 3) == [0, 0, 0]
    assert beat_grid_ids(TempoMap(()), 0.0, 2) == [0, 0]


def test_ids_are_taken_at_the_frames_centre() -> None:
    """At 120 bpm a 4/4 bar lasts 2 s: frame 0's centre lies 46.4 ms in, phase 0.0232, id 1 + floor(64 * phase)."""
    ids = beat_grid_ids(TempoMap((TempoPoint(0.0, 120.0),)), 0.0, 44)
    assert ids[0] == 1 + int(64 * 0.5 / FRAME_RATE / 2.0)
    assert ids[43] == 1 + int(64 * ((43.5 / FRAME_RATE) % 2.0) / 2.0)


@pytest.mark.parametrize(("meter", "first"), [((4, 4), 1), ((3, 4), 65), ((6, 8), 129), ((12, 8), 129), ((3, 8), 65)])
def test_meters_have_their_own_ids(meter: tuple[int, int], first: int) -> None:
    ids = beat_grid_ids(TempoMap((TempoPoint(0.0, 100.0, *meter),)), 0.0, 200)
    assert min(ids) >= first and max(ids) < first + 64
    assert len(set(ids)) > 30


def test_two_bars_of_two_four_are_one_of_four_four() -> None:
    two = beat_grid_ids(TempoMap((TempoPoint(0.0, 120.0, 2, 4),)), 0.0, 40)
    four = beat_grid_ids(TempoMap((TempoPoint(0.0, 120.0, 4, 4),)), 0.0, 40)
    assert two == four


def test_a_tempo_change_holds_from_its_point_on() -> None:
    changing = TempoMap((TempoPoint(0.0, 120.0), TempoPoint(4.0, 90.0)))
    after = TempoMap((TempoPoint(4.0, 90.0),))
    ids = beat_grid_ids(changing, 0.0, 100)
    assert ids[:43] == beat_grid_ids(TempoMap((TempoPoint(0.0, 120.0),)), 0.0, 43)
    assert ids[44:] == beat_grid_ids(after, 44 / FRAME_RATE, 56)


@given(
    bpm=st.floats(40, 240),
    phase=st.floats(0, 0.999),
    start=st.floats(-60, 600),
    meter=st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 4), (5, 4), (7, 8), (9, 8), (2, 2)]),
)
def test_ids_are_in_the_vocabulary_and_shift_with_the_window(
    bpm: float, phase: float, start: float, meter: tuple[int, int]
) -> None:
    tempo_map = TempoMap((TempoPoint(0.0, bpm, *meter, phase),))
    ids = beat_grid_ids(tempo_map, start, 40)
    assert all(0 < i < VOCABULARY for i in ids)
    later = beat_grid_ids(tempo_map, start + 10 / FRAME_RATE, 30)
    different = [abs(a - b) for a, b in zip(ids[10:], later, strict=True) if a != b]
    assert len(different) <= 1  # rounding at one border of a cell at most


def test_points_are_read_from_mappings_and_sorted() -> None:
    points = [{"time": 4, "bpm": 90}, {"time": 0, "bpm": 120, "numerator": 3, "denominator": 4, "bar_phase": 0.5}]
    tempo_map = TempoMap.from_points(points)
    assert [p.time for p in tempo_map.points] == [0.0, 4.0]
    assert tempo_map.points[0] == TempoPoint(0.0, 120.0, 3, 4, 0.5)


@pytest.mark.parametrize(
    ("tags", "bpm"),
    [
        ("house, 124 bpm", 124.0),
        ("house, 124.5bpm, drums", 124.5),
        ("72-BPM ballad", 72.0),
        ("90 beats per minute", 90.0),
        ("808, 90s house", None),
        ("9 bpm", None),
        ("999 bpm", None),
    ],
)
def test_tempo_from_tags(tags: str, bpm: float | None) -> None:
    assert tempo_from_tags(tags) == bpm

"""The tempo map of a project as a request carries it, and projects written from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import rpp

from bridge.rpp.errors import ProjectRefused
from bridge.rpp.new_project import Meter, new_project, write
from bridge.rpp.project_file import Project
from bridge.rpp.tempo_map import TempoMarker, read_tempo_points, request_map, steps
from bridge.rpp.text import decimal, parse
from bridge.rpp.write import NewItem, NewTake, NewTrack
from tests.support.rpp_samples import EMPTY, TAKES


def test_points_and_meters_are_read() -> None:
    points = read_tempo_points(parse(TAKES))
    assert [(p.time, p.bpm, p.numerator, p.denominator, p.linear) for p in points] == [
        (0.0, 120.0, 4, 4, False),
        (4.0, 90.0, 6, 8, True),
        (8.0, 100.0, 6, 8, False),
    ]


def test_a_project_without_points_has_its_one_tempo() -> None:
    assert read_tempo_points(parse(EMPTY)) == (TempoMarker(0.0, 90.0, 3, 4, new_bar=True),)


def test_phase_runs_on_through_tempo_changes_and_restarts_at_meters() -> None:
    points = (TempoMarker(0, 120, new_bar=True), TempoMarker(3, 60), TempoMarker(4, 60, 3, 4, new_bar=True))
    assert [(p.time, phase) for p, phase in steps(points)] == [(0, 0.0), (3, 0.5), (4, 0.0)]


def test_a_linear_change_becomes_steps_that_keep_the_beats() -> None:
    points = (TempoMarker(0, 60, linear=True, new_bar=True), TempoMarker(8, 120), TempoMarker(9, 120))
    pieces = steps(points)
    assert len(pieces) > 16
    quarters = 8 * 90 / 60  # the mean tempo over 8 s
    assert next(phase for p, phase in pieces if p.time == 8) == pytest.approx(quarters / 4 % 1.0)


def test_the_request_counts_in_seconds_and_tempo_of_the_source() -> None:
    points = (TempoMarker(0, 120, new_bar=True), TempoMarker(4, 90), TempoMarker(50, 60))
    made = request_map(points, start=2, end=6, position=1, offset=0.5, rate=2)
    assert made == [
        {"time": -1.5, "bpm": 60.0, "numerator": 4, "denominator": 4, "bar_phase": 0.0},
        {"time": 6.5, "bpm": 45.0, "numerator": 4, "denominator": 4, "bar_phase": 0.0},
    ]


def test_of_two_points_at_one_time_the_later_counts() -> None:
    points = (TempoMarker(0, 120, new_bar=True), TempoMarker(4, 90), TempoMarker(4, 80), TempoMarker(6, 70))
    made = request_map(points, start=0, end=8, position=0, offset=0, rate=1)
    assert [(p["time"], p["bpm"]) for p in made] == [(0, 120), (4, 80), (6, 70)]


def test_numbers_have_no_exponent() -> None:
    assert [decimal(v) for v in (0.0, -0.0, 1.5, 1e-9, 1e6, 1 / 3)] == [
        "0",
        "0",
        "1.5",
        "0.000000001",
        "1000000",
        "0.33333333333333",
    ]


def arrangement() -> list[NewTrack]:
    return [
        NewTrack("Drums", [NewItem(0, 16, NewTake(Path("drums.wav"), "drums"))]),
        NewTrack('Pad "warm"', [NewItem(i * 8, 8, NewTake(Path(f"pad {i}.wav"), f"pad {i}")) for i in range(2)]),
    ]


def test_a_new_project_is_read_by_both_parsers(tmp_path: Path) -> None:
    path = tmp_path / "demo.RPP"
    write(new_project(path, arrangement(), Meter(124, 3, 4), (4.0, 8.0)))
    project = Project.load(path)
    assert [t.name for t in project.tracks] == ["Drums", "Pad 'warm'"]
    assert project.time_selection == (4.0, 8.0)
    assert project.tempo[0].bpm == 124 and project.tempo[0].numerator == 3
    assert project.sample_rate == 48000
    item = project.item_at(project.track("Pad 'warm'"), 9, 10)
    assert item.active_take is not None and item.active_take.source == tmp_path / "pad 1.wav"
    tree = rpp.loads(path.read_text(encoding="utf-8"))
    assert [t.find("NAME")[1] for t in tree.findall("TRACK")] == ["Drums", "Pad 'warm'"]


def test_the_same_project_twice_has_equal_bytes(tmp_path: Path) -> None:
    one, two = (new_project(tmp_path / "demo.RPP", arrangement()).data for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_selection": (4.0, 4.0)}, "time_selection"),
        ({"meter": Meter(0)}, "tempo"),
        ({"tracks": [NewTrack("a", [NewItem(0, 1, NewTake(Path("x.xyz"), "x"))])]}, "source"),
    ],
)
def test_what_reaper_cannot_open_is_refused(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ProjectRefused, match=message):
        new_project(tmp_path / "demo.RPP", **{"tracks": [], **arguments})

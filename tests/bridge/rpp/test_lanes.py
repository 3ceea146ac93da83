"""Fixed item lanes as REAPER 7 saves them: which items are heard, and where new ones go."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.rpp.errors import ProjectRefused
from bridge.rpp.job import ProjectJob
from bridge.rpp.lanes import lane_line
from bridge.rpp.plan import make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, write_project
from bridge.rpp.text import undo
from tests.support.rpp_files import Song, audio, item, song

FIELDS = {"tags": "house", "seed": 7}


def lane_item(lane: str, name: str, position: float = 0, flag: int = 2) -> str:
    return item(position=position, length=4, name=name, file="a.wav", more=f"YPOS {lane} {flag}")


def three_lanes(tmp_path: Path, solo: str, mode: str = "FREEMODE 2", count: int = 3) -> Song:
    audio(tmp_path / "a.wav", 6)
    lines = [line for line in (mode, "FIXEDLANES 9 0 0 0 0", solo, "LANEREC -1 -1 -1 0", f"ITEMLANES {count}") if line]
    lanes = ("0 0.333333", "0.333333 0.333333", "0.666667 0.333333")
    return song(tmp_path, *(lane_item(lane, f"lane {i}") for i, lane in enumerate(lanes)), track=lines)


def names_at(project: Project) -> list[str]:
    found = project.items_at(project.tracks[0], 1, 2)
    return [item.active_take.name for item in found if item.active_take]


@pytest.mark.parametrize(
    ("solo", "playing"),
    [
        ("", [0, 1, 2]),  # no line: all play
        ("LANESOLO 4 0 0 0 0 0 0 0", [2]),
        ("LANESOLO 3 0 0 0 0 0 0 0", [0, 1]),
        ("LANESOLO 4294967293 4294967295 4294967295 4294967295", [0, 2]),
        ("LANESOLO 0 0 0 0 0 0 0 0", []),
    ],
)
def test_items_on_lanes_that_play_are_targets(tmp_path: Path, solo: str, playing: list[int]) -> None:
    project = Project.load(three_lanes(tmp_path, solo))
    assert names_at(project) == [f"lane {i}" for i in playing]
    assert project.tracks[0].lanes.playing == tuple(playing)


def test_the_second_word_holds_lanes_from_32_on(tmp_path: Path) -> None:
    lines = ["FREEMODE 2", "LANESOLO 0 2 0 0 0 0 0 0", "ITEMLANES 40"]
    project = Project.load(song(tmp_path, item(file="a.wav"), track=lines))
    assert project.tracks[0].lanes.playing == (33,)


def test_a_lane_count_that_is_too_small_is_made_up_from_the_items(tmp_path: Path) -> None:
    """Lanes switched on by a script: ITEMLANES 1, items of half the height; REAPER reads two lanes."""
    lines = ["FREEMODE 2", "ITEMLANES 1"]
    project = Project.load(song(tmp_path, item(file="a.wav", more="YPOS 0 0.5 2"), track=lines))
    assert project.tracks[0].lanes.count == 2 and len(project.items_at(project.tracks[0], 0, 1)) == 1


def test_items_hidden_on_a_track_that_had_lanes_are_left_out(tmp_path: Path) -> None:
    """The API's C_LANEPLAYS -1: no lanes are shown any more, and what lay on a silent lane is not heard."""
    project = Project.load(three_lanes(tmp_path, "LANESOLO 2 0 0 0 0 0 0 0", mode=""))
    assert names_at(project) == ["lane 1"]
    assert project.left_out(project.tracks[0], 1, 2) == ("the item at 0 s is on a lane that does not play",) * 2


def test_items_that_lie_in_no_lane_any_more_are_heard_whatever_lanesolo_says(tmp_path: Path) -> None:
    """Lanes turned back into takes: REAPER leaves LANESOLO there and writes YPOS 0 1 0."""
    lines = ["LANESOLO 2 0 0 0 0 0 0 0", "LANEREC -1 -1 -1 1"]
    project = Project.load(song(tmp_path, item(file="a.wav", more="YPOS 0 1 0"), track=lines))
    assert len(project.items_at(project.tracks[0], 0, 1)) == 1


@pytest.mark.parametrize("ypos", ["YPOS 0.5 0.5 0", "YPOS 0.5 0.25 1"])
def test_free_positioning_has_no_lanes(tmp_path: Path, ypos: str) -> None:
    lines = ["FREEMODE 1", "LANESOLO 1 0 0 0 0 0 0 0"]
    project = Project.load(song(tmp_path, item(file="a.wav", more=ypos), track=lines))
    assert len(project.items_at(project.tracks[0], 0, 1)) == 1


def write(path: Song, task: str, **more) -> Project:
    job = ProjectJob(task, path, path.with_name("new.RPP"), track=1, fields=FIELDS, start_time=1, end_time=2, **more)
    plan = make_plan(job)
    made = audio(path.parent / "made.wav", 6)
    result = write_project(plan, [[Rendered(made, {}, 7)] for _ in plan.parts], path.with_name("new.RPP"))
    return Project.load(result.project)


def test_a_result_becomes_a_take_on_the_playing_lane(tmp_path: Path) -> None:
    path = three_lanes(tmp_path, "LANESOLO 4 0 0 0 0 0 0 0")
    new = write(path, "inpaint")
    assert [len(item.takes) for item in new.items(new.tracks[0])] == [1, 1, 2]
    assert "YPOS 0.666667 0.333333 2" in new.text and "LANESOLO 4 0" in new.text


def test_a_generated_item_lies_in_a_playing_lane_that_is_free(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    lines = ["FREEMODE 2", "LANESOLO 6 0 0 0 0 0 0 0", "ITEMLANES 4"]
    path = song(tmp_path, lane_item("0.25 0.25", "busy"), lane_item("0 0.25", "silent"), track=lines)
    new = write(path, "generate")
    made = new.items(new.tracks[0])[-1]
    assert made.block.line("YPOS").content == "YPOS 0.5 0.25 2"
    assert (made.lane.lane, made.lane.plays) == (2, True)


def test_with_all_playing_lanes_taken_the_first_one_is_used(tmp_path: Path) -> None:
    new = write(three_lanes(tmp_path, "LANESOLO 6 0 0 0 0 0 0 0"), "generate")
    assert [item.lane.lane for item in new.items(new.tracks[0])][-1] == 1


def test_a_track_without_a_playing_lane_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = three_lanes(tmp_path, "LANESOLO 0 0 0 0 0 0 0 0")
    for task, said in (("generate", "none of whose lanes plays"), ("inpaint", "on a lane that does not play.*Let its")):
        with pytest.raises(ProjectRefused, match=said):
            make_plan(ProjectJob(task, path, None, track=1, fields=FIELDS, start_time=1, end_time=2))
    assert write(path, "generate", new_track=True).tracks[1].lanes.on is False


def test_a_comped_lane_is_told(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    lines = [
        "FREEMODE 2",
        "LANESOLO 1 0 0 0 0 0 0 0",
        "LANEREC -1 0 -1 -1",
        "ITEMLANES 2",
        "LINKEDLANE 0 4 1 0 -1 0.01 0.01",
    ]
    path = song(tmp_path, lane_item("0 0.5", "comp"), lane_item("0.5 0.5", "take"), track=lines)
    plan = make_plan(ProjectJob("inpaint", path, None, track=1, fields=FIELDS, start_time=1, end_time=2))
    assert len(plan.parts) == 1 and any("comped" in note for note in plan.notes)


def test_lane_lines_are_as_reaper_writes_them() -> None:
    assert lane_line(0, 1) == "YPOS 0 1 2"
    assert lane_line(1, 7) == "YPOS 0.142857 0.142857 2"
    assert lane_line(2, 3) == "YPOS 0.666667 0.333333 2"


def test_every_byte_beside_the_insertion_stays(tmp_path: Path) -> None:
    project = Project.load(three_lanes(tmp_path, "LANESOLO 4 0 0 0 0 0 0 0"))
    changed = project.with_absolute_media()
    assert undo(changed.text, changed.edits) == project.text

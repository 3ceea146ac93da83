"""What a take plays of its file's channels, and the same for a new file with some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.rpp.channels import channels_to_render, mode_of_new_file
from bridge.rpp.errors import ProjectRefused
from bridge.rpp.job import ProjectJob
from bridge.rpp.plan import make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, write_project
from tests.support.rpp_files import audio, item, song


@pytest.mark.parametrize(
    ("mode", "count", "expected"),
    [
        (0, 2, None),
        (5, 6, [3]),  # mono 3
        (3, 6, [1]),
        (2, 6, None),  # whether it mixes two or six is not known
        (1, 6, None),
        (67, 6, [1, 2]),
        (69, 6, [3, 4]),
        (72, 6, [6]),  # a pair whose second channel the file has not
        (0, 6, None),  # all of six: the user chooses
        (3, 2, None),
        (4, 1, None),
    ],
)
def test_channels_that_a_request_names(mode: int, count: int, expected: list[int] | None) -> None:
    assert channels_to_render(mode, count) == expected


@pytest.mark.parametrize(("mode", "count"), [(5, 2), (66, 6), (73, 6)])
def test_a_channel_that_the_file_has_not_is_refused(mode: int, count: int) -> None:
    with pytest.raises(ProjectRefused, match=f"of a file with {count}"):
        channels_to_render(mode, count)


@pytest.mark.parametrize(
    ("mode", "chosen", "expected"),
    [
        (0, [3, 4], 0),
        (1, [1, 2], 1),
        (1, [2, 1], 0),
        (1, [2], 0),
        (2, [1, 2], 2),
        (2, [1], 0),
        (5, [3, 4], 3),  # left of the new file
        (5, [4, 3], 4),  # right
        (5, [3], 0),
        (69, [3, 4], 0),
        (69, [4, 3], 1),
        (72, [6], 0),
    ],
)
def test_the_mode_of_a_file_of_these_channels(mode: int, chosen: list[int], expected: int) -> None:
    assert mode_of_new_file(mode, chosen, 6) == expected


@pytest.mark.parametrize(("mode", "chosen"), [(5, [1, 2]), (69, [3]), (1, [3, 4])])
def test_channels_that_leave_out_what_is_heard_are_refused(mode: int, chosen: list[int]) -> None:
    with pytest.raises(ProjectRefused, match="--channels"):
        mode_of_new_file(mode, chosen, 6)


@pytest.mark.parametrize(
    ("mode", "given", "sent", "written"),
    [(5, None, [3], 0), (5, [3, 4], [3, 4], 3), (69, None, [3, 4], 0), (0, [5, 6], [5, 6], 0), (2, [1, 2], [1, 2], 2)],
)
def test_a_take_of_a_six_channel_file(
    tmp_path: Path, mode: int, given: list[int] | None, sent: list[int], written: int
) -> None:
    audio(tmp_path / "six.wav", 6, channels=6)
    path = song(tmp_path, item(file="six.wav", mode=mode))
    fields = {"tags": "house", **({"channels": given} if given else {})}
    plan = make_plan(ProjectJob("inpaint", path, path.with_name("new.RPP"), track=1, fields=fields))
    assert plan.parts[0].request.channels == sent
    made = audio(tmp_path / "made.wav", 6, channels=len(sent))
    new = Project.load(write_project(plan, [[Rendered(made, {}, 7)]], path.with_name("new.RPP")).project)
    assert new.items(new.tracks[0])[0].takes[1].channel_mode == written


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 67])
def test_a_stereo_take_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    audio(tmp_path / "two.wav", 6, channels=2)
    path = song(tmp_path, item(file="two.wav", mode=mode))
    plan = make_plan(ProjectJob("inpaint", path, path.with_name("new.RPP"), track=1, fields={"tags": "house"}))
    assert not plan.parts[0].request.channels
    made = audio(tmp_path / "made.wav", 6, channels=2)
    new = Project.load(write_project(plan, [[Rendered(made, {}, 7)]], path.with_name("new.RPP")).project)
    assert [take.channel_mode for take in new.items(new.tracks[0])[0].takes] == [mode, mode]

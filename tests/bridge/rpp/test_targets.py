"""What a range stands for: the ends of a file, items that are left out, and takes that were or were not made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.rpp.errors import ProjectRefused
from bridge.rpp.job import OnItem, Plan, ProjectJob
from bridge.rpp.placing import safe_stem, title
from bridge.rpp.plan import make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, ready, write_project
from bridge.rpp.retake import kept_recipe
from tests.support.rpp_files import RATE, audio, item, song

FIELDS = {"tags": "house", "seed": 7}
RECIPE = {"recipe": 1, "model": {"name": "m"}, "request": {"task": "text-to-audio", "tags": "pad", "duration": 2.0}}


def plan(path: Path, start: float | None, end: float | None, task: str = "inpaint", **fields) -> Plan:
    job = ProjectJob(task, path, None, track=1, fields={**FIELDS, **fields}, start_time=start, end_time=end)
    return make_plan(job)


def regions(made: Plan) -> list[tuple[float, float]]:
    return [(part.request.start_time, part.request.end_time) for part in made.parts]


@pytest.mark.parametrize("loop", [0, 1])
@pytest.mark.parametrize("beyond", [0.0, 0.0004, 0.0009])
def test_an_end_that_was_rounded_lies_at_the_end_of_the_file(tmp_path: Path, beyond: float, loop: int) -> None:
    audio(tmp_path / "a.wav", 6)
    made = plan(song(tmp_path, item(0, 6 + beyond, "a.wav", loop=loop)), 5, 6 + beyond)
    assert regions(made) == [(5, 6)] and made.notes == ()


def test_a_start_that_was_rounded_lies_at_the_start_of_the_file(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    assert regions(plan(song(tmp_path, item(1, 4, "a.wav", offset=-0.0009)), 1, 2)) == [(0, pytest.approx(0.9991))]


def test_where_the_file_is_over_the_range_is_clipped_and_told(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 3)
    made = plan(song(tmp_path, item(0, 8, "a.wav")), 2, 6)
    assert regions(made) == [(2, 3)] and "2 to 3 s" in made.notes[0]
    early = plan(song(tmp_path, item(0, 8, "a.wav", offset=-2)), 1, 4)
    assert regions(early) == [(0, 2)] and "2 to 4 s" in early.notes[0]


def test_where_it_is_silent_is_refused(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 3)
    with pytest.raises(ProjectRefused, match="over there"):
        plan(song(tmp_path, item(0, 8, "a.wav")), 4, 6)


@pytest.mark.parametrize("offset", [0, 1, -0.5])
def test_of_a_file_that_is_repeated_one_pass_alone_is_changed(tmp_path: Path, offset: float) -> None:
    """The new take's file holds all passes; the others stay as they are."""
    source = soundfile.read(audio(tmp_path / "a.wav", 3))[0]
    path = song(tmp_path, item(1, 8, "a.wav", offset=offset, loop=1))
    made = plan(path, 5, 6)
    assert regions(made) == [(4, 5)]
    sent = ready(made.parts[0]).audio.samples[0]
    assert np.allclose(sent, source[(np.arange(8 * RATE) + round(offset * RATE)) % len(source)])
    new = Project.load(with_results(path, made, RECIPE))
    assert [take.start_offset for take in new.items(new.tracks[0])[0].takes] == [offset, 0]
    job = ProjectJob("inpaint", path, None, track=1, fields=FIELDS, start_time=5, end_time=6, new_track=True)
    (span,) = make_plan(job).parts[0].place.spans
    assert (span.position, span.length, span.offset) == (5, 1, 4)


NULL_ACTIVE = item(0, 4, "a.wav", takes="TAKE NULL SEL")


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        (NULL_ACTIVE, r"on an empty take \(TAKE NULL\)", "Make another of its takes the active one"),
        ("<ITEM\nPOSITION 0\nLENGTH 4\n>", "is empty", "Move the selection"),
        (item(0, 4, "a.wav", more="MUTE 1 0"), "is muted", "Unlock or unmute"),
        (item(0, 4, "a.wav", more="LOCK 1"), "is locked", "Unlock or unmute"),
    ],
)
def test_why_an_item_is_no_target_and_what_to_do(tmp_path: Path, text: str, reason: str, remedy: str) -> None:
    audio(tmp_path / "a.wav", 6)
    with pytest.raises(ProjectRefused, match=f"{reason}.*{remedy}"):
        plan(song(tmp_path, text), 1, 2)


def test_beside_another_item_it_is_left_and_told(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    made = plan(song(tmp_path, NULL_ACTIVE, item(0, 4, "a.wav", name="heard")), 1, 2)
    assert [part.name for part in made.parts] == ["heard"]
    assert made.notes == ("Left as it is: the item at 0 s is on an empty take (TAKE NULL).",)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('FILE ""', "names no file"),
        ("OTHER 1", "names no file"),
        ('FILE "gone.wav"', "file is missing: .*gone.wav"),
    ],
)
def test_a_source_without_its_file_is_named(tmp_path: Path, source: str, said: str) -> None:
    path = song(tmp_path, item(0, 4, "a.wav").replace('FILE "a.wav"', source))
    with pytest.raises(ProjectRefused, match=said):
        plan(path, 1, 2)


def with_results(path: Path, made: Plan, recipe: dict, out: str = "new.RPP") -> Path:
    result = audio(path.parent / "made.wav", 2)
    rendered = [[Rendered(result, recipe, 8, "m")] for _ in made.parts]
    return write_project(made, rendered, path.with_name(out)).project


def test_retake_after_generate_on_a_track_with_an_item(tmp_path: Path) -> None:
    """Two items lie under the range: the one that was made here is meant."""
    audio(tmp_path / "a.wav", 6)
    path = song(tmp_path, item(0, 4, "a.wav"))
    new = with_results(path, plan(path, 1, 3, "generate"), RECIPE)
    assert len(Project.load(new).items(Project.load(new).tracks[0])) == 2
    made = plan(new, 1, 3, "retake")
    (part,) = made.parts
    assert isinstance(part.place, OnItem) and part.request.task == "retake"
    assert made.notes == ("Left as it is: the item at 0 s, which was not made here.",)
    again = Project.load(with_results(new, made, RECIPE, "again.RPP"))
    assert [len(one.takes) for one in again.items(again.tracks[0])] == [1, 2]


def test_retake_of_audio_from_elsewhere_renders_the_range_of_each_item(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    made = plan(song(tmp_path, item(0, 3, "a.wav"), item(3, 3, "a.wav", offset=1)), 2, 4, "retake")
    assert [part.request.task for part in made.parts] == ["inpaint", "inpaint"]
    assert regions(made) == [(2, 3), (1, 2)]


def test_retake_at_the_edit_cursor_renders_the_item(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    path = song(tmp_path, item(1, 3, "a.wav", offset=0.5), lines=("CURSOR 2",))
    assert regions(plan(path, None, None, "retake")) == [(0.5, 3.5)]


def test_a_retake_s_recipe_leaves_out_the_channels_of_the_first_source(tmp_path: Path) -> None:
    """The take's file holds two channels, though its region was made from channels 3 and 4 of another."""
    audio(tmp_path / "a.wav", 6, channels=2)
    path = song(tmp_path, item(0, 4, "a.wav"))
    recipe = {"request": {"task": "inpaint", "tags": "x", "channels": [3, 4], "start_time": 1.0, "end_time": 2.0}}
    new = with_results(path, plan(path, 1, 2), recipe)
    audio(path.parent / "take acestep 01.wav", 6, channels=2)
    (part,) = plan(new, 1, 2, "retake").parts
    assert not part.request.channels and (part.request.start_time, part.request.end_time) == (1, 2)


def test_a_long_recipe_stays_in_the_file_alone(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    path = song(tmp_path, item(0, 4, "a.wav"))
    short = Project.load(with_results(path, plan(path, 1, 2), RECIPE))
    assert kept_recipe(short, short.items(short.tracks[0])[0].takes[1]) == RECIPE
    long = with_results(path, plan(path, 1, 2), {**RECIPE, "words": "la " * 30_000}, "long.RPP")
    assert max(map(len, long.read_text(encoding="utf-8").splitlines())) < 4096


def test_names_do_not_grow_with_each_retake() -> None:
    assert title("lead.wav (nano, seed 7)", "nano", 8) == "lead.wav (nano, seed 8)"
    assert title("lead (old mix)", "nano", 8) == "lead (old mix) (nano, seed 8)"
    assert title("lead (seed 7) (a b, seed 9)", "", 8) == "lead (seed 8)"
    assert title("lead (nano, seed 7)", "nano", 7, 31) == "lead (nano, seed 7, retake 31)"
    assert title("lead (nano, seed 7, retake 31)", "nano", 7, 32) == "lead (nano, seed 7, retake 32)"
    assert safe_stem("lead.wav (nano, seed 7, retake 31)") == "lead"


@pytest.mark.parametrize("name", ["🥁" * 80, "é" * 300, "a" * 300])
def test_stems_have_room_for_number_and_ending(name: str) -> None:
    assert 0 < len(safe_stem(name).encode()) <= 200

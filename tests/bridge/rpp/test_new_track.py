"""A result on a new track: in the folder of its source, at its level, and nobody else's routing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.rpp.job import ProjectJob
from bridge.rpp.plan import make_plan
from bridge.rpp.project_file import Project
from bridge.rpp.render import Rendered, write_project
from bridge.rpp.text import undo
from bridge.rpp.write import NewTrack
from tests.support.rpp_files import audio, item, project, song, track

FIELDS = {"tags": "house", "seed": 7}


def folders(song: Project) -> list[tuple[str, tuple[str, ...]]]:
    """Each track with the folders that it lies in, from the outermost."""
    open_folders: list[str] = []
    found = []
    for one in song.tracks:
        found.append((one.name, tuple(open_folders)))
        line = one.block.line("ISBUS")
        steps = int(line.words[2]) if line else 0
        open_folders += [one.name] * max(steps, 0)
        del open_folders[len(open_folders) - max(-steps, 0) :]
    assert open_folders == []
    return found


def named(tmp_path: Path, *tracks: tuple[str, str]) -> Project:
    return Project.load(
        project(tmp_path, *(track(name=name, lines=[isbus] if isbus else []) for name, isbus in tracks))
    )


NESTED = (("Bus", "ISBUS 1 1"), ("Drums", "ISBUS 1 1"), ("Kick", "ISBUS 0 0"), ("Snare", "ISBUS 2 -2"), ("Vox", ""))


@pytest.mark.parametrize(
    ("source", "behind", "inside"),
    [
        ("Kick", "Kick", ("Bus", "Drums")),
        ("Snare", "Snare", ("Bus", "Drums")),  # it ended both folders
        ("Drums", "Snare", ("Bus",)),  # below its own folder, in the one around it
        ("Bus", "Snare", ()),
        ("Vox", "Vox", ()),
    ],
)
def test_a_new_track_stays_in_the_folder_of_its_source(
    tmp_path: Path, source: str, behind: str, inside: tuple[str, ...]
) -> None:
    before = named(tmp_path, *NESTED)
    after = before.insert_track(NewTrack("new"), after=before.track(source))
    names = [name for name, _ in folders(after)]
    assert names[names.index("new") - 1] == behind
    assert dict(folders(after))["new"] == inside
    assert [entry for entry in folders(after) if entry[0] != "new"] == folders(before)
    assert undo(after.text, after.edits) == before.text


@pytest.mark.parametrize(
    ("tracks", "source", "inside"),
    [
        ([("A", "ISBUS 1 1"), ("B", "ISBUS 2 -1")], "B", ("A",)),
        ([("A", "ISBUS 1 1"), ("B", "ISBUS 1 1"), ("C", "ISBUS 2 -1"), ("D", "ISBUS 2 -1")], "C", ("A", "B")),
        ([("A", "ISBUS 1 1"), ("B", "ISBUS 1 1"), ("C", "ISBUS 2 -2")], "B", ("A",)),
        ([("A", "ISBUS 0 0"), ("B", "")], "A", ()),
    ],
)
def test_folders_end_where_they_ended(
    tmp_path: Path, tracks: list[tuple[str, str]], source: str, inside: tuple[str, ...]
) -> None:
    before = named(tmp_path, *tracks)
    after = before.insert_track(NewTrack("new"), after=before.track(source))
    assert dict(folders(after))["new"] == inside
    assert [entry for entry in folders(after) if entry[0] != "new"] == folders(before)


def test_receives_name_the_tracks_that_they_named(tmp_path: Path) -> None:
    """AUXRECV counts tracks from 0: those below the new one have moved."""
    send = "AUXRECV {} 0 1 0 0 0 0 0 0 -1:U 0 -1 ''"
    tracks = [track(name="Reverb", lines=[send.format(i) for i in (1, 2, 3)]), *(track(name=n) for n in "ABC")]
    before = Project.load(project(tmp_path, *tracks))
    after = before.insert_track(NewTrack("new"), after=before.track("A"))

    def received(song: Project) -> list[str]:
        return [song.tracks[int(line.words[1])].name for line in song.tracks[0].block.lines("AUXRECV")]

    assert received(before) == received(after) == ["A", "B", "C"]
    assert [t.name for t in after.tracks] == ["Reverb", "A", "new", "B", "C"]
    assert undo(after.text, after.edits) == before.text


def placed(path: Path, task: str = "inpaint", **more) -> Project:
    job = ProjectJob(task, path, path.with_name("new.RPP"), fields=FIELDS, new_track=True, **{"track": 1, **more})
    plan = make_plan(job)
    result = write_project(plan, [[Rendered(audio(path.parent / "made.wav", 9), {}, 7)]], path.with_name("new.RPP"))
    return Project.load(result.project)


def test_level_pan_mute_solo_and_phase_are_those_of_item_take_and_track(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    mix = ["VOLPAN 0.25 -0.5 -1 -1 1", "MUTESOLO 0 1 0", "IPHASE 1", "PANMODE 5", "PLAYOFFS 0.01 0", "MAINSEND 1 2"]
    second = 'TAKE SEL\nNAME b\nTAKEVOLPAN 0.3 -0.7 -1\nSOFFS 0\nCHANMODE 3\n<SOURCE WAVE\nFILE "a.wav"\n>'
    new = placed(song(tmp_path, item(file="a.wav", volume=0.5, takes=second), track=mix))
    made = new.track("Drums acestep")
    assert [made.block.line(line.split()[0]).content for line in mix] == mix
    (one,) = new.items(made)
    assert one.block.line("VOLPAN").content == "VOLPAN 0.5 0.3 -0.7 -1"
    assert one.block.line("CHANMODE").content == "CHANMODE 3"
    assert (one.position, one.length, one.volume) == (1.0, 1.0, 0.5)


def test_effects_that_stay_behind_are_named(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    effects = "<FXCHAIN\nBYPASS 0 0 0\n>"
    path = song(tmp_path, item(file="a.wav"), track=[effects])
    plan = make_plan(ProjectJob("inpaint", path, None, track=1, fields=FIELDS, new_track=True))
    assert any("effects of track 1 'Drums'" in note for note in plan.notes)
    assert make_plan(ProjectJob("inpaint", path, None, track=1, fields=FIELDS)).notes == ()


def test_a_region_that_begins_with_its_item_fades_as_it_does(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    path = song(tmp_path, item(file="a.wav", more="FADEIN 1 0.5 0 2 0 0 0\nFADEOUT 1 0.3 0.7 1 0 0 0"))
    lines = [placed(path, start_time=a, end_time=b).text for a, b in ((0, 2), (2, 4))]
    assert "FADEIN 2 0.5 0 2 0 0" in lines[0] and "FADEOUT 1 0.01 0 1 0 0" in lines[0]
    assert "FADEOUT 1 0.7 0 1 0 0" in lines[1] and "FADEIN 1 0.01 0 1 0 0" in lines[1]


def test_a_retake_too_goes_to_a_new_track(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 6)
    new = placed(song(tmp_path, item(file="a.wav")), task="retake")
    assert [t.name for t in new.tracks] == ["Drums", "Drums acestep"]
    assert len(new.items(new.tracks[0])[0].takes) == 1

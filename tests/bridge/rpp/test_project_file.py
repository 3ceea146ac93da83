"""Projects are read, extended by insertion only, and refused when not understood."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import rpp
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from bridge.rpp.errors import ProjectRefused
from bridge.rpp.project_file import Project
from bridge.rpp.text import clean_name, quote, split_words, undo
from bridge.rpp.write import NewItem, NewTake, NewTrack, recipe_key
from tests.support.examples import examples
from tests.support.rpp_samples import CONSTRUCTS, EMPTY, TAKES

NEW = NewTake(Path("/made/new take.wav"), 'verse "2"', recipe={"seed": 7, "tags": "pop"})


def load(tmp_path: Path, text: str, name: str = "song.RPP") -> Project:
    file = tmp_path / name
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return Project.load(file)


def restored(project: Project) -> bytes:
    return undo(project.text, project.edits).encode("utf-8", "surrogateescape")


def test_reads_tracks_items_takes(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    assert [(t.number, t.name) for t in project.tracks] == [(1, "Lead 'vox'"), (2, "Child")]
    assert project.time_selection == (2.0, 6.0)
    assert project.sample_rate == 48000
    (item,) = project.items(project.tracks[0])
    assert (item.position, item.length, item.end) == (1.0, 8.0, 9.0)
    assert [(t.index, t.empty, t.active) for t in item.takes] == [(0, False, False), (1, True, False), (2, False, True)]
    active = item.active_take
    assert active is not None
    assert (active.name, active.start_offset, active.play_rate) == ("second, edited.wav", 1.25, 1.5)
    assert active.source == tmp_path / "sub" / "second.flac"
    assert active.obstacles == ("a volume envelope on the take",)
    assert item.source_time(3.0) == 1.25 + 2 * 1.5


def test_a_topmost_empty_take_has_no_line_of_its_own(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    first, last = project.items(project.tracks[1])
    assert [(t.empty, t.active) for t in first.takes] == [(True, True), (False, False)]
    assert last.takes == ()


def test_media_in_the_recording_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "first.wav").touch()
    project = load(tmp_path, TAKES)
    assert project.items(project.tracks[0])[0].takes[0].source == tmp_path / "media" / "first.wav"


@pytest.mark.parametrize("wanted", ["Lead 'vox'", "lead 'VOX'", "1", 1, "{aaaaaaaa-0000-0000-0000-000000000001}"])
def test_a_track_by_name_number_or_guid(tmp_path: Path, wanted: str | int) -> None:
    assert load(tmp_path, TAKES).track(wanted).number == 1


def test_an_unknown_track_names_those_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectRefused, match="2 'Child'"):
        load(tmp_path, TAKES).track("Bass")


def test_one_name_on_two_tracks_asks_for_more(tmp_path: Path) -> None:
    with pytest.raises(ProjectRefused, match="tracks 1, 2"):
        load(tmp_path, TAKES.replace("NAME Child", "NAME \"Lead 'vox'\"")).track("Lead 'vox'")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_inserting_a_take_changes_nothing_else(tmp_path: Path, newline: str) -> None:
    text = TAKES.replace("\n", newline).replace("Child", "Ch\udcffild \u2028 \x0b")
    project = load(tmp_path, text)
    changed = project.insert_take(project.items(project.tracks[0])[0], NEW)
    assert restored(changed) == project.data
    (item,) = changed.items(changed.tracks[0])
    made = item.takes[-1]
    assert [t.active for t in item.takes] == [False, False, False, True]
    assert (made.name, made.source) == ("verse '2'", Path("/made/new take.wav"))
    assert changed.text.count("TAKE SEL") == 2  # one is a line of the notes
    assert changed.text.count("\n") == changed.text.count(newline)
    assert recipe_key(made.guid) in changed.text


def test_a_take_that_is_not_selected_leaves_the_active_one(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    changed = project.insert_take(project.items(project.tracks[0])[0], replace(NEW, select=False))
    assert [t.active for t in changed.items(changed.tracks[0])[0].takes] == [False, False, True, False]


def test_a_take_like_another_gets_its_rate_volume_and_effects(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    item = project.items(project.tracks[0])[0]
    changed = project.insert_take(item, replace(NEW, like=item.takes[0]))
    made = changed.items(changed.tracks[0])[0].takes[-1]
    contents = [part.content if hasattr(part, "content") else part.opening.content for part in made.parts]
    assert "TAKEVOLPAN -0.25 0.75 -1" in contents
    assert "PLAYRATE 2 0 -1.5 -1 0 0.0025" in contents
    assert "CHANMODE 2" in contents
    assert made.start_offset == 0.5
    assert changed.text.count("ZXFlcg==") == 2
    assert changed.text.count("{DDDDDDDD-0000-0000-0000-000000000001}") == 1


def test_the_first_take_of_an_item_is_inline(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    empty = project.items(project.tracks[1])[1]
    changed = project.insert_take(empty, NEW)
    item = changed.items(changed.tracks[1])[1]
    assert len(item.takes) == 1
    assert item.active_take is not None and item.active_take.name == "verse '2'"
    assert item.block.lines("TAKE") == []
    assert restored(changed) == project.data


def test_two_recipes_share_one_block(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    for _ in range(2):
        project = project.insert_take(project.items(project.tracks[0])[0], NEW)
    (state,) = project.root.blocks("EXTSTATE")
    (section,) = state.blocks("ACESTEP_BRIDGE")
    assert len(section.children) == 2


def test_an_item_on_a_new_track(tmp_path: Path) -> None:
    for text in (TAKES, EMPTY):
        project = load(tmp_path, text)
        track = NewTrack("Lead, regenerated", [NewItem(2.0, 4.0, NEW)])
        changed = project.insert_track(track, after=project.tracks[0])
        assert restored(changed) == project.data
        made = changed.track("Lead, regenerated")
        assert made.number == len(project.tracks) + 1  # behind the folder's last track
        (item,) = changed.items(made)
        assert (item.position, item.length) == (2.0, 4.0)
        assert len(changed.root.blocks("EXTSTATE")) == 1


def test_an_item_on_an_existing_track(tmp_path: Path) -> None:
    project = load(tmp_path, EMPTY)
    changed = project.insert_item(project.tracks[0], NewItem(2.0, 4.0, NEW))
    assert restored(changed) == project.data
    assert changed.items(changed.tracks[0])[0].end == 6.0


def test_items_under_a_range(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    assert project.item_at(project.tracks[0], 2, 6).position == 1
    with pytest.raises(ProjectRefused, match="no audio item"):
        project.item_at(project.tracks[0], 20, 30)
    twice = TAKES.replace("POSITION 10", "POSITION 3").replace("TAKE\n      NAME behind", "NAME behind")
    twice = twice.replace("000000000003}\n    >", "000000000003}\n      NAME x\n      <SOURCE WAVE\n      >\n    >")
    with pytest.raises(ProjectRefused, match="2 items"):
        two = load(tmp_path, twice)
        two.item_at(two.tracks[1], 2, 6)


def test_muted_and_locked_items_are_passed_over(tmp_path: Path) -> None:
    for old, new in (("MUTE 0 0", "MUTE 1 0"), ("ALLTAKES 0\n      MUTE 0 0", "ALLTAKES 0\n      LOCK 1")):
        project = load(tmp_path, TAKES.replace(old, new))
        assert project.items_at(project.tracks[0], 2, 6) == ()
        with pytest.raises(ProjectRefused, match=r"the item at 1 s is (muted|locked).*Unlock or unmute it"):
            project.item_at(project.tracks[0], 2, 6)


def test_an_item_that_plays_all_takes_is_refused(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES.replace("ALLTAKES 0", "ALLTAKES 1", 1))
    with pytest.raises(ProjectRefused, match="Play all takes"):
        project.insert_take(project.items(project.tracks[0])[0], NEW)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t[: len(t) // 2], r"cut off: it ends inside <\w+, which begins in line \d+.*\.RPP-bak"),
        (lambda t: t + "more\n", "after the end"),
        (lambda t: "", "empty file.*RPP-bak"),
        (lambda t: t.replace("<REAPER_PROJECT", "<TRACK"), "begins with '<TRACK .*Name the .RPP file"),
        (lambda t: "x\n" + t, r"begins with 'x' \(line 1\).*Name the .RPP file"),
        (lambda t: t.replace("TEMPO 120 4 4", "TEMPO x 4 4"), "TEMPO"),
        (lambda t: t.replace("TEMPO 120 4 4", "TEMPO 0 4 4"), "above 0"),
        (lambda t: t.replace("      POSITION 1\n", ""), "without POSITION"),
        (lambda t: t.replace("LENGTH 8", "LENGTH nan"), "LENGTH"),
        (lambda t: t.replace("NAME Child", 'NAME "Child'), "quote"),
        (lambda t: t.replace("LOOP 0\n", "LOOP 0\r", 1), "carriage return"),
        (lambda t: t.replace("LOOP 0", "LOOP\x000"), "NUL characters, the first in line 19 .*RPP-bak"),
        (lambda t: t.replace("PLAYRATE 2", "PLAYRATE 0"), "rate"),
        (lambda t: t.replace("    >\n  >\n", "    > 1\n  >\n", 1), "alone in its line"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, damage, message: str) -> None:
    text = damage(TAKES)
    assert text != TAKES
    with pytest.raises(ProjectRefused, match=message):
        load(tmp_path, text)


def test_the_input_is_never_written(tmp_path: Path) -> None:
    project = load(tmp_path, TAKES)
    before = project.path.read_bytes()
    changed = project.insert_take(project.items(project.tracks[0])[0], NEW)
    with pytest.raises(ProjectRefused, match="another file"):
        changed.save_as(project.path)
    with pytest.raises(ProjectRefused, match="another file"):
        changed.save_as(tmp_path / "." / "song.RPP")
    changed.save_as(tmp_path / "new.RPP")
    assert project.path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["new.RPP", "song.RPP"]
    assert Project.load(tmp_path / "new.RPP").items(changed.tracks[0])


def test_elsewhere_media_paths_are_absolute(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    project = load(tmp_path, TAKES)
    project.save_as(tmp_path / "out" / "new.RPP")
    moved = Project.load(tmp_path / "out" / "new.RPP")
    sources = [take.source for track in moved.tracks for item in moved.items(track) for take in item.takes]
    assert [s for s in sources if s] == [
        tmp_path / "first.wav",
        tmp_path / "sub" / "second.flac",
        Path("/abs/behind.wav"),
    ]
    assert f'FILE "{tmp_path}/sub/second.flac" 1' in moved.text  # what follows the name stays


def test_names_are_made_safe() -> None:
    assert clean_name("a\n\"b\" 'c' `d`\x00") == "a 'b' 'c' 'd'"
    assert quote('5"') == "'5\"'"
    with pytest.raises(ProjectRefused, match="at most two"):
        quote("\"'`")


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30))
def test_any_clean_name_is_read_back_by_both_parsers(name: str) -> None:
    clean = clean_name(name)
    line = f"NAME {quote(clean)}"
    assert split_words(line)[1][0] == clean
    tree = rpp.loads(f"<REAPER_PROJECT 0.1\n  {line}\n>\n")
    assert tree.find("NAME")[1] == clean


LINES = st.lists(
    st.sampled_from(
        [
            *["TAKE", "TAKE SEL", "TAKE NULL", "TAKE NULL SEL", "NAME a", "SOFFS 0.5", "CHANMODE 0", ""],
            *["<SOURCE WAVE\n>", "<TAKEFX\nBYPASS 0\n>", "<VOLENV\nPT 0 1\n>", "SM 0 0 + 1 1", "XUNKNOWN \udcfe 3"],
        ]
    ),
    max_size=12,
)


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, crlf=st.booleans(), last_newline=st.booleans(), select=st.booleans())
def test_any_item_is_extended_reversibly_or_refused(
    tmp_path: Path, lines: list[str], crlf: bool, last_newline: bool, select: bool
) -> None:
    body = "\n".join(["<ITEM", "POSITION 0", "LENGTH 2", *lines, ">"])
    text = f'<REAPER_PROJECT 0.1 "7"\n TEMPO 120 4 4\n <TRACK\n{body}\n >\n>'
    text = (text + "\n" * last_newline).replace("\n", "\r\n" if crlf else "\n")
    try:
        project = load(tmp_path, text)
    except ProjectRefused:
        return
    (item,) = project.items(project.tracks[0])
    changed = project.insert_take(item, replace(NEW, select=select))
    assert restored(changed) == project.data
    (after,) = changed.items(changed.tracks[0])
    assert len(after.takes) == len(item.takes) + 1
    expected = len(item.takes) if select or not item.takes else [t.active for t in item.takes].index(True)
    assert [t.active for t in after.takes].index(True) == expected
    assert sum(t.active for t in after.takes) == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_constructs_of_real_projects(tmp_path: Path, newline: str) -> None:
    """Sections, stretch and take markers, colours, take FX and envelopes, empty takes at the end: all before ours."""
    project = load(tmp_path, CONSTRUCTS.replace("\n", newline))
    item, click = project.items(project.tracks[0])
    assert [t.empty for t in item.takes] == [False, False, True, True]
    assert [t.active for t in item.takes] == [False, False, True, False]
    assert item.takes[0].obstacles == ("stretch markers", "a section or reversed source")
    assert item.takes[1].obstacles == ("a pitch envelope on the take",)
    assert click.takes[0].obstacles == ("a source of type CLICK",)
    changed = project.insert_take(item, replace(NEW, like=item.takes[1]))
    assert restored(changed) == project.data
    after = changed.items(changed.tracks[0])[0]
    assert [t.active for t in after.takes] == [False, False, False, False, True]
    assert after.takes[1].obstacles == item.takes[1].obstacles
    assert changed.text.count("3BandEQ") == 2 and "TAKE NULL SEL" not in changed.text


def test_a_guid_that_two_tracks_share_names_none(tmp_path: Path) -> None:
    project = load(tmp_path, CONSTRUCTS)
    with pytest.raises(ProjectRefused, match="tracks 1, 2"):
        project.track("{AAAAAAAA-0000-0000-0000-00000000000A}")
    assert project.track(2).name == "double \"and\" 'single'"


def test_sources_inside_sections_and_projects_become_absolute(tmp_path: Path) -> None:
    moved = load(tmp_path, CONSTRUCTS).with_absolute_media()
    for name in ("Media/01-first.wav", "second.flac", "sub/sub.rpp"):
        assert f'FILE "{tmp_path / name}"' in moved.text
    assert restored(moved) == load(tmp_path, CONSTRUCTS).data

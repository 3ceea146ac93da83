"""What was chosen is regenerated, or one sentence says why not; kinds of media, lanes, names that are no UTF-8."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from tests.support.reaper.fake import Item, Source, Take
from tests.support.reaper.pressing import TAKE, run, samples


@pytest.fixture
def session(two_tracks):
    return two_tracks


def takes_of(session) -> list[int]:
    return [len(item.takes) for item in session.project.items()]


def another(session, track=0, position=20.0, length=4.0, **values) -> Item:
    """One more item of the first one's file."""
    item = Item(takes=[Take(source=Source(session.project.items()[0].takes[0].source.path))])
    item.values.update(D_POSITION=position, D_LENGTH=length, **values)
    session.project.tracks[track].items.append(item)
    session.project.mark("another item")
    return item


def test_a_selected_item_outside_the_time_selection_stops_the_action(session):
    another(session, track=1).selected = True
    session.action(TAKE)
    assert "An item at 0:20.000 lies outside the time selection. Select a range over it" in session.fake.help_text
    assert session.host.running == [] and takes_of(session) == [1, 1, 1]
    session.check()


def test_of_two_selected_items_the_one_outside_is_named(session):
    session.project.items()[1].selected = True
    another(session).selected = True
    run(session, TAKE)
    assert takes_of(session) == [1, 1, 2]
    assert "An item at 0:20.000 lies outside the time selection" in session.fake.help_text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda item: item.values.update(B_MUTE=1.0), "is muted"),
        (lambda item: item.takes.clear(), "is empty"),
        (lambda item: setattr(item.takes[0].source, "kind", "OFFLINEWAVE"), "is offline"),
        (lambda item: item.values.update(C_LANEPLAYS=-1.0), "is in a lane that does not play"),
    ],
)
def test_a_chosen_item_that_cannot_be_used_is_not_replaced_by_another(session, change, said):
    item = session.project.items()[1]
    item.selected = True
    change(item)
    session.project.mark("change")
    session.action(TAKE)  # the first track is selected, and its item lies in the range
    assert said in session.fake.help_text and session.host.running == []
    session.project.tracks[1].razor, item.selected = '4.0 6.0 ""', False
    session.fake.help_text = ""
    session.action(TAKE)
    if said != "is in a lane that does not play":
        assert said in session.fake.help_text and session.host.running == []
    session.check()


@pytest.mark.parametrize("kind", ["VIDEO", "RPP_PROJECT", "CLICK", "LTC"])
def test_media_that_the_daemon_does_not_read_is_captured_from_the_track(session, kind):
    """An m4a or mp4 is VIDEO to REAPER; a click or time code has no file at all."""
    source = session.project.items()[0].takes[0].source
    source.kind = kind
    source.path = source.path if kind in ("VIDEO", "RPP_PROJECT") else ""
    session.project.mark("media")
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    sent = session.daemon.requests["job-1"]["audio"]
    assert "captures" in sent and abs(samples(sent)).max() > 0.1
    session.daemon.hold = False
    session.finish()
    assert len(session.project.tracks) == 3 and "read through REAPER" in session.fake.help_text
    session.check()


@pytest.mark.parametrize("kind", ["WAVE", "FLAC", "MP3", "VORBIS"])
def test_media_that_the_daemon_reads_is_sent_as_it_is(session, kind):
    session.project.items()[0].takes[0].source.kind = kind
    session.project.mark("media")
    run(session, TAKE)
    assert session.daemon.requests["job-1"]["audio"].endswith("drums.wav") and takes_of(session) == [2, 1]


def test_items_on_lanes_that_are_off_are_not_there(session):
    """C_LANEPLAYS -1: the track had fixed lanes once, and shows one of them now."""
    hidden = another(session, position=0.0, length=12.0, C_LANEPLAYS=-1.0)
    run(session, TAKE)
    assert takes_of(session) == [2, 1, 1] and len(session.daemon.jobs) == 1
    assert "lane" not in session.fake.help_text
    session.project.tracks[0].items = [hidden_again := session.project.find_item(hidden.guid)]
    session.project.mark("only the hidden one")
    run(session, TAKE)  # for what is heard there is a gap
    assert len(session.project.tracks) == 3 and len(hidden_again.takes) == 1


@pytest.mark.parametrize(("plays", "made"), [(0.0, 1), (1.0, 2)])
def test_fixed_lanes_count_where_they_play(session, plays, made):
    """One of the two lanes plays alone."""
    session.project.tracks[0].values["I_FREEMODE"] = 2.0
    lane = another(session, position=2.0, length=8.0, C_LANEPLAYS=plays, I_FIXEDLANE=1.0)
    session.project.items()[0].values["C_LANEPLAYS"] = 1.0 - plays
    session.project.mark("lanes")
    run(session, TAKE)
    assert len(session.project.find_item(lane.guid).takes) == made
    assert "does not play" in session.fake.help_text


def test_lanes_that_play_together_are_captured_together(session):
    session.project.tracks[0].values["I_FREEMODE"] = 2.0
    another(session, position=2.0, length=8.0, C_LANEPLAYS=2.0, I_FIXEDLANE=1.0)
    session.project.items()[0].values["C_LANEPLAYS"] = 2.0
    session.project.mark("lanes")
    run(session, TAKE)
    assert len(session.project.tracks) == 3 and "overlap" in session.fake.help_text


def test_a_hidden_copy_gets_no_take_and_is_not_heard(session):
    """Placing follows pieces of the same file; a copy on a lane that is off is none."""
    first = session.project.items()[0]
    another(session, position=0.0, length=12.0, C_LANEPLAYS=-1.0)
    first.takes[0].stretch_markers = 1
    session.project.mark("stretch")
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    captured = samples(session.daemon.requests["job-1"]["audio"])
    source = samples(first.takes[0].source.path)
    assert np.allclose(captured, source[2 * 48000 : 8 * 48000], atol=1e-6)  # once, not twice
    session.daemon.hold = False
    session.finish()
    session.check()


def test_texts_that_are_no_utf_8_stop_nothing(session):
    """Names from old projects and tags of files come as they are; REAPER's module raises on them."""
    item = session.project.items()[0]
    item.takes[0].name = "d\udcfcster"
    item.notes = "caf\udce9"
    session.project.tracks[0].name = "b\udce9at"
    item.takes[0].source.metadata["Generic:Key"] = "la\udce9"
    session.project.mark("names")
    run(session, TAKE)
    assert takes_of(session) == [2, 1]
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.items()[0].active = 0
    session.project.mark("stretch")
    run(session, TAKE)
    assert len(session.project.tracks) == 3


def test_the_progress_line_is_said_again_each_second(session):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.until(lambda: "denoise" in session.fake.help_text)
    for _ in range(2):
        session.fake.help_text = ""  # REAPER writes over it when the mouse moves
        session.until(lambda: "denoise" in session.fake.help_text, 10.0)
    session.daemon.hold = False
    session.finish()


def test_the_background_script_is_registered_once(session):
    for _ in range(3):
        run(session, TAKE)
        session.fake.ext_state["acestep", "token"] = "another"
        session.fake.ext_state["acestep", "heartbeat"] = ""
        session.host.tick(16)
        assert session.host.running == []
    assert session.fake.log.count("AddRemoveReaScript") == 1


def test_actions_that_the_installer_registered_are_used(session):
    """Their ids are made from where the file lies below REAPER's Scripts folder."""

    for path in sorted((session.folder / "scripts").glob("acestep_*.*")):
        place = f"{session.folder.name}/scripts/{path.name}"
        session.fake.register(str(path), "RS" + hashlib.sha1(place.encode()).hexdigest())
    session.fake.answers = [1]
    session.action("Setup")
    session.until(lambda: "answers" in session.fake.help_text)
    assert session.fake.log.count("AddRemoveReaScript") == 0
    assert session.daemon.controls["reaper_actions"]["Retake"] in {"_" + known for known in session.fake.ids.values()}
    session.check()


def test_a_long_recipe_is_kept_in_pieces_and_read_whole(session):
    """Each value is a line of the project file, and a tempo map of 1,000 points makes 90,000 characters."""
    lyrics = " / ".join(f"line {n} of many" for n in range(2000))
    session.save_tags(snap_to_bars="no", context_seconds="2", lyrics=lyrics)
    run(session, TAKE)
    take = session.project.items()[0].takes[1]
    pieces = [value for key, value in take.ext.items() if key.startswith("acestep_recipe")]
    assert len(pieces) > 15 and max(map(len, pieces)) <= 2000
    session.project.items()[0].selected = True
    run(session, "Do it again (same seed)")
    first, second = session.daemon.requests.values()
    assert second["lyrics"] == first["lyrics"] and len(second["lyrics"]) > 30000 and second["seed"] == 7


def test_a_recipe_in_one_piece_from_an_earlier_version_is_read(session):
    run(session, TAKE)
    item = session.project.items()[0]
    item.selected = True
    assert list(item.takes[1].ext).count("acestep_recipe") == 1
    request = {"task": "inpaint", "tags": "x" * 50000, "start_time": 4.0, "end_time": 6.0, "seed": 3}
    item.takes[1].ext["acestep_recipe"] = json.dumps({"recipe": 1, "request": request})
    session.project.mark("as before")
    run(session, "Do it again (same seed)")
    assert session.daemon.requests["job-2"]["tags"] == "x" * 50000
    assert takes_of(session) == [3, 1]


def test_names_do_not_grow_with_each_render(session):
    """A result of a result of a result: its track, take and file are named once."""
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.mark("stretch")
    for track in range(1, 4):
        run(session, TAKE)  # on a new track below, which is where the next one begins
        session.project.tracks[track].items[0].takes[0].stretch_markers = 1
        session.project.mark("stretch")
        session.select(4.0, 6.0, track=track)
    named = ["drums.wav", "ACE-Step drums.wav", "ACE-Step house, drums", "ACE-Step house, drums"]
    assert [track.name for track in session.project.tracks[:4]] == named
    files = sorted(p.name for p in session.folder.glob("* acestep *"))
    assert files == ["drums acestep 01.wav", "house, drums acestep 01.wav", "house, drums acestep 02.wav"]

"""Locked items, locked projects, locked tracks: nothing locked changes, nothing is lost, the user is told."""

from __future__ import annotations

import pytest

from tests.support.reaper.fake import split
from tests.support.reaper.pressing import TAKE, TRACK, run

FULL, EDGES, TIME_SELECTION = 40576, 40597, 40573  # toggle actions of the lock settings
ITEM = "The item is locked"
PROJECT = "Items are locked in this project"


@pytest.fixture
def session(two_tracks):
    return two_tracks


def lock(session, what="item"):
    """Locks the first item, or all items by the project's settings, or the first track's controls."""
    if what == "item":
        session.project.items()[0].values["C_LOCK"] = 1.0
    elif what == "project":
        session.project.locks = {FULL}
    else:
        session.project.tracks[0].controls_locked = True
    session.project.mark("lock")


def placed(session):
    """(takes of the item, items of the new track below its track)."""
    project = session.project
    below = project.tracks[1].items if len(project.tracks) == 3 else []
    return len(project.tracks[0].items[0].takes), [(round(i.start, 2), round(i.end, 2)) for i in below]


@pytest.mark.parametrize(("what", "reason"), [("item", ITEM), ("project", PROJECT)])
def test_what_is_locked_at_the_key_press_is_read_and_the_result_is_on_a_new_track(session, what, reason):
    lock(session, what)
    session.action(TAKE)
    assert reason in session.fake.help_text and "comes on a new track" in session.fake.help_text
    session.finish()
    assert placed(session) == (1, [(3.97, 6.03)])
    assert reason in session.fake.help_text and session.fake.tooltips == []
    assert session.project.undo_names[-1] == "ACE-Step: regenerate as new take"
    session.check()


@pytest.mark.parametrize(("what", "reason"), [("item", ITEM), ("project", PROJECT)])
def test_what_was_locked_while_it_rendered_gets_its_result_on_a_new_track(session, what, reason):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.project.items()[0].values["D_POSITION"] = 1.0  # and it was moved before
    lock(session, what)
    session.daemon.hold = False
    session.finish()
    assert placed(session) == (1, [(4.97, 7.03)])
    assert f"{reason}" in session.fake.help_text and "placed on a new track" in session.fake.help_text
    session.check()


def test_among_others_a_locked_item_is_left_alone_and_named(session):
    lock(session)
    for track in session.project.tracks:
        track.selected = True
    project = run(session, TAKE)
    assert [len(i.takes) for i in project.items()] == [1, 2] and len(project.tracks) == 2
    assert "An item at 0:00.000 is left alone: The item is locked" in session.fake.help_text


def test_a_piece_that_was_locked_meanwhile_stays_and_the_other_gets_its_take(session):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.project.tracks[0].items.append(split(session.project.items()[0], 5.0))
    lock(session)
    session.daemon.hold = False
    session.finish()
    assert [len(i.takes) for i in session.project.tracks[0].items] == [1, 2]
    assert "The item is locked: left as it is" in session.fake.help_text
    session.check()


def test_on_a_new_track_a_locked_item_is_as_good_as_any(session):
    lock(session)
    run(session, TRACK)
    assert placed(session) == (1, [(3.97, 6.03)]) and "locked" not in session.fake.help_text


def test_the_other_actions_leave_a_locked_item_as_it_is(session):
    run(session, TAKE)
    lock(session)
    for words, answers, place in [
        ("Retake", [], (3.97, 6.03)),
        ("Do it again (new seed)", [], (3.97, 6.03)),
        ("Remix selected items", ["house|techno"], (0.0, 12.0)),
        ("Edit lyrics of selected take", ["house|la|lo"], (0.0, 12.0)),
        ("Extend item after to time selection", [], (0.0, 14.0)),
    ]:
        session.select(10.0, 14.0)
        session.project.items()[0].selected, session.project.cursor = True, 5.0
        run(session, words, *answers)
        assert placed(session) == (2, [place]), words
        session.fake.Undo_DoUndo2(0)


def test_locked_edges_keep_an_item_from_being_extended_and_nothing_else(session):
    session.project.locks = {EDGES, TIME_SELECTION}
    run(session, TAKE)
    session.project.items()[0].selected = True
    session.select(10.0, 14.0)
    run(session, "Extend item after to time selection")
    assert placed(session) == (2, [(0.0, 14.0)]) and "Item edges are locked" in session.fake.help_text


@pytest.mark.parametrize("what", ["item", "project"])
def test_takes_of_a_locked_item_stay(session, what):
    run(session, TAKE)
    session.project.items()[0].selected, session.project.cursor = True, 5.0
    lock(session, what)
    points = list(session.project.undo_names)
    for words in ("Commit this take", "Reject this take", "Next take", "Previous take", "Compare with original"):
        session.fake.help_text = ""
        session.action(words)
        said = f"{ITEM}. Unlock it" if what == "item" else f"{PROJECT} (Options > Locking). Turn it off"
        assert said in session.fake.help_text and session.project.undo_names == points, words
        assert (len(session.project.items()[0].takes), session.project.items()[0].active) == (2, 1), words
    session.check()


def test_locking_of_other_things_does_not_stop_commit(session):
    run(session, TAKE)
    session.project.locks = {TIME_SELECTION}
    session.project.items()[0].selected = True
    session.action("Commit this take")
    assert len(session.project.items()[0].takes) == 1
    session.check()


@pytest.mark.parametrize("words", ["Commit this take", "Reject this take"])
def test_where_reaper_itself_keeps_the_takes_that_is_said(session, words):
    run(session, TAKE)
    session.project.items()[0].selected = True
    session.fake._take_action = lambda command: None
    session.action(words)
    assert (
        "REAPER left the takes of 1 items as they are. Turn off the locks in Options > Locking"
        in session.fake.help_text
    )
    assert (len(session.project.items()[0].takes), session.project.items()[0].active) == (2, 1)


@pytest.mark.parametrize("capture", ["dry", "wet"])
def test_a_locked_track_keeps_its_controls_and_its_items_are_free(session, capture):
    session.save_tags(snap_to_bars="no", capture=capture)
    session.project.tracks[0].values["I_FOLDERDEPTH"] = -1.0
    lock(session, "track")
    before = dict(session.project.tracks[0].values)
    run(session, TAKE)
    assert placed(session) == ((2, []) if capture == "dry" else (1, [(3.97, 6.03)]))
    run(session, TRACK)
    assert session.project.tracks[0].values == before
    assert all(t.values["I_FOLDERDEPTH"] == 0.0 for t in session.project.tracks[1:])  # not closed twice


def test_regions_name_what_is_locked(session):
    from tests.support.reaper.fake import Marker

    session.project.content.markers = [Marker(2.0, "ace: techno", 1, 3.0)]
    for track in session.project.tracks:
        track.selected = True
    lock(session)
    run(session, "Regenerate regions by name")
    assert placed(session) == (1, [(1.97, 3.03)]) and ITEM in session.fake.help_text
    assert len(session.project.items()[-1].takes) == 2

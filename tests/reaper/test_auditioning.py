"""Which take plays is said; ours are kept, dropped and compared; the user's own takes stay."""

from __future__ import annotations

import base64
import copy
import time

import pytest

from tests.support.reaper.pressing import TAKE, run


@pytest.fixture
def session(studio):
    """A studio with saved tags and a song of 20 s whose range 8 to 12 s is selected."""
    studio.save_tags()
    studio.song()
    studio.select(8.0, 12.0)
    return studio


def test_which_take_plays_is_said_and_progress_leaves_it_there(session):
    for _ in range(2):
        run(session, TAKE)
    session.project.items()[0].selected = True
    session.daemon.hold = True
    session.action(TAKE)
    session.until(lambda: "denoise" in session.fake.help_text)
    session.action("Next take")
    assert session.fake.help_text == "ACE-Step: take 1/3: drums.wav"
    list(session.daemon.jobs.values())[-1].update(step=9, sequence=5)
    for _ in range(20):  # as if no time passed
        session.fake.ext_state["acestep", "answered"] = base64.b64encode(repr(time.time()).encode()).decode()
        session.host.tick(1, 0.02)
    assert session.fake.help_text == "ACE-Step: take 1/3: drums.wav"
    session.until(lambda: "9/27" in session.fake.help_text)
    session.daemon.hold = False
    session.finish()


def test_our_other_takes_are_dropped_and_the_users_own_stay(session):
    item = session.project.items()[0]
    own = copy.deepcopy(item.takes[0])
    own.guid, own.name = "{OWN}", "my second"
    item.takes.append(own)
    session.project.mark("a take of the user's")
    for _ in range(3):
        run(session, TAKE)
    session.project.items()[0].selected = True
    session.action("Previous take")
    points = len(session.project.undo_names)
    session.action("Keep this take, drop our others")
    item = session.project.items()[0]
    assert [t.name for t in item.takes] == ["drums.wav", "my second", "ACE-Step: house, drums"] and item.active == 2
    assert "take 3/3" in session.fake.help_text and "2 of our takes dropped" in session.fake.help_text
    assert len(session.project.undo_names) == points + 1
    session.fake.Undo_DoUndo2(0)
    assert len(session.project.items()[0].takes) == 5
    session.fake.Undo_DoUndo2(0)
    session.project.items()[0].active = 0
    session.project.mark("the first one plays")
    session.project.items()[0].selected = True
    session.action("Keep this take, drop our others")
    assert [t.name for t in session.project.items()[0].takes] == ["drums.wav", "my second"]
    session.action("Keep this take, drop our others")
    assert "No other take here was made by ACE-Step" in session.fake.help_text
    session.check()


def test_a_locked_item_keeps_its_takes(session):
    run(session, TAKE)
    item = session.project.items()[0]
    item.selected, item.active, item.values["C_LOCK"] = True, 0, 1.0
    session.project.mark("locked")
    session.action("Keep this take, drop our others")
    assert "locked" in session.fake.help_text and len(session.project.items()[0].takes) == 2


def test_compare_goes_back_to_where_it_came_from(session):
    """The third take was made from the second: comparing twice is the third again, not the first."""
    for _ in range(2):
        run(session, TAKE)
    session.project.items()[0].selected = True
    found = []
    for _ in range(4):
        session.action("Compare with original")
        found.append(session.project.items()[0].active)
    assert found == [1, 2, 1, 2]

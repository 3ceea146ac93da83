"""Start time, play rate, groups, take envelopes of a project: right, or a sentence that says what to do."""

from __future__ import annotations

import pytest

from tests.support.reaper.pressing import TAKE


@pytest.fixture
def session(studio):
    """Two tracks with an item of 12 s each; 4 to 6 s of the first one are selected."""
    studio.save_tags(snap_to_bars="yes", context_seconds="2")
    studio.song(seconds=12.0)
    studio.song("other.wav", seconds=12.0, seed=1)
    studio.select(4.1, 5.9)
    return studio


def run(session, words=TAKE):
    session.fake.help_text = ""
    session.fake.tooltips = []
    session.action(words)
    session.finish()
    session.check()
    return session.project.items()


def sent(session):
    return {**list(session.daemon.requests.values())[-1], "audio": ""}


@pytest.mark.parametrize("change", [{"start_time": 3600.5}, {"start_time": -2.0}, {"play_rate": 0.5}])
def test_start_time_and_play_rate_move_nothing(session, change):
    run(session)
    plain = sent(session)
    vars(session.project).update(change)
    items = run(session)
    assert sent(session) == plain and (plain["start_time"], plain["end_time"]) == (4.0, 6.0)
    assert [(i.start, len(i.takes)) for i in items] == [(0.0, 3), (0.0, 1)]


def test_a_left_out_item_is_named_as_the_ruler_shows_it(session):
    session.project.start_time, session.project.cursor = 3600.0, 50.0
    session.project.items()[0].values["B_MUTE"] = 1.0
    session.project.mark("mute")
    session.action(TAKE)
    assert "An item at 60:00.000 is muted" in session.fake.help_text


def test_a_play_rate_is_not_rendered_into_what_is_sent(session):
    session.save_tags(capture="wet")
    session.project.play_rate = 1.5
    session.action(TAKE)
    session.until(lambda: session.fake.tooltips != [])
    assert "play rate is not 1" in session.fake.help_text and session.daemon.jobs == {}
    assert 42230 not in session.fake.commands


def test_grouped_items_that_are_not_chosen_stay_as_they_are(session):
    for item in session.project.items():
        item.values["I_GROUPID"] = 3.0
    session.project.mark("group")
    item, other = run(session)
    assert (len(item.takes), len(other.takes)) == (2, 1)
    session.action("Compare with original")
    session.action("Reject this take")
    session.select(2.0, 14.0)
    session.project.items()[0].selected = True
    item, other = run(session, "Extend item after to time selection")
    assert (item.end, other.end) == (14.0, 12.0)
    assert [i.values["I_GROUPID"] for i in (item, other)] == [3.0, 3.0]


def test_take_envelopes_lead_to_a_new_track_and_a_notice(session):
    session.project.items()[0].takes[0].envelopes = 1  # of the take's volume
    session.project.mark("envelope")
    items = run(session)
    assert [len(i.takes) for i in items] == [1, 1, 1] and len(session.project.tracks) == 3
    assert "the take has envelopes" in session.fake.help_text


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"D_PITCH": 2.0}, "G minor"),
        ({"D_PITCH": -1.0, "D_PLAYRATE": 2.0}, "Bb minor"),
        ({"D_PLAYRATE": 2.0 ** (3 / 12), "B_PPITCH": 0.0}, "F# minor"),
        ({"D_PITCH": 12.0}, "A minor"),
    ],
)
def test_the_key_is_that_of_the_file_behind_a_take_that_is_pitched(session, values, key):
    """The new part was in the project's key before the take's pitch, and in another one after it."""
    session.project.ext["acestep", "key"] = "8A"
    session.project.items()[0].takes[0].values.update(values)
    session.project.mark("pitch")
    run(session)
    assert sent(session)["key"] == key

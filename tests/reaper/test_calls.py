"""What a tick costs: calls of REAPER's functions, and what they leave behind, on a track of 301 items."""

from __future__ import annotations

import pytest

from tests.support.reaper.fake import Accessor, Item, Source, Take, split
from tests.support.reaper.host import CALL_SECONDS
from tests.support.reaper.pressing import TAKE, TRACK

ITEMS = 301
MOST_CALLS = 80  # a tick: 4 ms by what a call costs; the module's own look at each pointer counts
MOST_ONCE = 170  # the tick that reads what the target is, and the one that places


@pytest.fixture
def session(studio):
    studio.save_tags(snap_to_bars="no", context_seconds="1")
    studio.song(seconds=12.0)
    studio.select(4.0, 6.0)
    return studio


def crowd(session, track=0):
    """300 more items behind the first one."""
    source = session.project.items()[0].takes[0].source
    for index in range(ITEMS - 1):
        item = Item(takes=[Take(source=Source(source.path))])
        item.values.update(D_POSITION=20.0 + index, D_LENGTH=0.9)
        session.project.tracks[track].items.append(item)
    session.project.mark("a crowded track")


def small(ticks):
    """All but two ticks make few calls, and these two not many more."""
    largest = sorted(ticks)[::-1]
    assert largest[0] <= MOST_ONCE and largest[2] <= MOST_CALLS, largest[:5]


def ticks_of(session, words, done):
    """Calls of each tick from the key press until `done`."""
    session.action(words)
    ticks = []
    while not done():
        before = session.host.calls
        session.host.tick(1, 0.001)
        ticks.append(session.host.calls - before)
        assert len(ticks) < 6000
    return ticks


def test_ticks_on_a_crowded_track_are_small(session):
    crowd(session)
    session.host.cost_seconds = 0.0
    ticks = ticks_of(session, TAKE, lambda: len(session.project.items()[0].takes) == 2)
    small(ticks)
    assert session.host.cost_seconds == pytest.approx(session.host.calls * CALL_SECONDS)
    session.check()


def test_an_item_that_was_undone_and_redone_is_found_a_few_at_a_time(session):
    """REAPER gives it another pointer: it is known by its GUID only, and lies behind all the others."""
    crowd(session)
    session.project.tracks[0].items.append(session.project.tracks[0].items.pop(0))
    session.project.mark("the last one")
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.fake.Undo_DoUndo2(0)
    session.fake.Undo_DoRedo2(0)
    session.daemon.hold = False
    points = len(session.project.undo_names)
    ticks = []
    while len(session.project.undo_names) == points:
        before = session.host.calls
        session.host.tick(1, 0.001)
        ticks.append(session.host.calls - before)
    small(ticks)
    assert len(session.project.tracks[0].items[-1].takes) == 2
    session.check()


def test_an_item_that_is_gone_is_looked_for_once(session):
    crowd(session)
    session.daemon.hold = True
    session.action(TRACK)
    session.wait_sent(1)
    session.project.tracks[0].items.pop(0)
    session.project.mark("delete")
    session.daemon.hold = False
    ticks = []
    while len(session.project.tracks) == 1:
        before = session.host.calls
        session.host.tick(1, 0.001)
        ticks.append(session.host.calls - before)
    small(ticks)
    session.check()


def test_pieces_of_a_cut_take_are_all_found(session):
    """The split pieces lie in the middle of 300 others; each that plays the region gets a take."""
    crowd(session)
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.project.tracks[0].items.append(split(session.project.items()[0], 5.0))
    session.project.mark("split")
    session.daemon.hold = False
    session.finish()
    pieces = [item for item in session.project.items() if item.start < 12.0]
    assert [len(item.takes) for item in pieces] == [2, 2]
    session.check()


def test_no_accessor_is_left_and_one_reads_a_track(session):
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.mark("stretch")
    session.action(TAKE)
    session.finish()
    assert session.fake.log.count("CreateTrackAudioAccessor") == 1
    assert session.fake.log.count("GetAudioAccessorSamples") > 20  # over several ticks
    assert session.fake.living(Accessor) == []
    session.check()


@pytest.mark.parametrize("end", ["cancel", "delete", "close"])
def test_no_accessor_is_left_where_reading_ends_early(session, end):
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.items()[0].values["D_LENGTH"] = 200.0
    session.project.mark("stretch")
    session.select(1.0, 199.0)
    session.action(TAKE)
    session.until(lambda: session.fake.living(Accessor) != [])
    if end == "cancel":
        session.action("Jobs - cancel all")
    elif end == "delete":
        session.project.tracks.clear()
        session.project.mark("delete")
    else:
        session.close_reaper()
    if end != "close":
        session.until(lambda: session.fake.living(Accessor) == [])
    assert session.fake.living(Accessor) == []
    assert list((session.home / "captures").iterdir()) == []

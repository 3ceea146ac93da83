"""Several items in one go: one render over their span on a track, a take for each; what cannot be is said."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.reaper.fake import Take, split
from tests.support.reaper.pressing import TAKE, samples


@pytest.fixture
def session(studio):
    studio.save_tags(snap_to_bars="no", context_seconds="2")
    return studio


def regenerate(session):
    session.fake.help_text = ""
    session.action(TAKE)
    session.finish()
    session.check()
    return session.project


def two_files(session):
    """Two items of different files, one after the other on one track: 0 to 6 s and 6 to 12 s."""
    first = session.song("one.wav", seconds=6.0, seed=1)
    second = session.song("two.wav", seconds=6.0, position=6.0, seed=2)
    track = session.project.tracks.pop()
    session.project.tracks[0].items += track.items
    session.project.mark("same track")
    return first, second


def test_pieces_of_one_take_are_one_render_and_share_a_file(session):
    item = session.song(seconds=20.0)
    session.project.tracks[0].items.append(split(item, 10.0))
    session.project.mark("split")
    session.select(8.0, 12.0)
    project = regenerate(session)
    assert len(session.daemon.jobs) == 1
    (made,) = session.daemon.requests.values()
    assert (made["start_time"], made["end_time"]) == pytest.approx((8.0, 12.0))
    left, right = project.items()
    assert left.takes[1].source.path == right.takes[1].source.path
    assert right.takes[1].values["D_STARTOFFS"] == pytest.approx(right.takes[0].values["D_STARTOFFS"])
    old, new = samples(left.takes[0].source.path), samples(left.takes[1].source.path)
    assert np.array_equal(old[12 * 48000 + 1500 :], new[12 * 48000 + 1500 :])
    assert len(project.undo_names) == 3  # insert, split, one for the takes


def test_a_piece_that_was_not_chosen_gets_no_take(session):
    item = session.song(seconds=20.0)
    middle = split(item, 8.0)
    last = split(middle, 12.0)
    session.project.tracks[0].items += [middle, last]
    item.selected = last.selected = True
    session.project.mark("split")
    session.select(6.0, 14.0)
    project = regenerate(session)
    assert [len(i.takes) for i in sorted(project.items(), key=lambda i: i.start)] == [2, 1, 2]
    assert len(session.daemon.jobs) == 1


def test_items_of_different_files_take_what_the_track_played(session):
    first, _ = two_files(session)
    first.values["D_VOL"] = 0.5
    session.project.mark("volume")
    session.select(4.0, 8.0)
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    sent = samples(next(iter(session.daemon.requests.values()))["audio"])
    session.daemon.hold = False
    session.finish()
    first, second = session.project.items()
    assert len(session.daemon.jobs) == 1 and len(session.project.tracks) == 1
    assert "what the track played" in session.fake.help_text
    assert [len(first.takes), len(second.takes)] == [2, 2]
    assert len(sent) == 12 * 48000  # both items whole
    made = samples(first.takes[1].source.path)
    assert np.allclose(made[: 3 * 48000] * first.takes[1].values["D_VOL"],
                       samples(first.takes[0].source.path)[: 3 * 48000], atol=1e-6)  # fmt: skip
    offset = round(second.takes[1].values["D_STARTOFFS"] * 48000)
    theirs = samples(second.takes[0].source.path)
    assert np.allclose(made[offset + 3 * 48000 : -1], theirs[3 * 48000 : -1], atol=1e-6)
    session.check()


def test_group_takes_follow_items_that_move_and_split(session):
    two_files(session)
    session.select(4.0, 8.0)
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    first, second = session.project.items()
    second.values["D_POSITION"] = 9.0
    session.project.tracks[0].items.append(split(first, 3.0))
    session.project.mark("move and split")
    session.daemon.hold = False
    session.finish()
    first, second, right = session.project.items()
    assert [len(i.takes) for i in (first, second, right)] == [2, 2, 2]
    assert [round(i.takes[1].values["D_STARTOFFS"], 6) for i in (first, right, second)] == [0.0, 3.0, 6.0]
    session.check()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a, b: a.values.update(D_FADEINLEN=0.5), "fades in before the range"),
        (lambda a, b: b.values.update(D_POSITION=5.0), "overlap without a crossfade"),
        (lambda a, b: setattr(b.takes[0].source, "kind", "MIDI"), "MIDI"),
    ],
)
def test_where_takes_would_sound_wrong_the_result_is_on_a_new_track(session, change, reason):
    change(*two_files(session))
    session.project.mark("edit")
    session.select(4.0, 8.0)
    project = regenerate(session)
    assert len(session.daemon.jobs) == 1 and len(project.tracks) == 2 and len(project.tracks[1].items) == 1
    assert reason in session.fake.help_text
    assert [len(i.takes) for i in project.tracks[0].items] == [1, 1]


def test_razor_areas_over_several_tracks_and_lanes(session):
    session.song("one.wav", seconds=10.0, seed=1)
    session.song("two.wav", seconds=10.0, seed=2)
    below = session.song("three.wav", seconds=10.0, seed=3)
    lanes = session.project.tracks[1]
    lanes.items += session.project.tracks.pop().items
    lanes.items[0].values.update(F_FREEMODE_Y=0.0, F_FREEMODE_H=0.5)
    below.values.update(F_FREEMODE_Y=0.5, F_FREEMODE_H=0.5)
    session.project.mark("lanes")
    session.project.tracks[0].razor = '2.0 4.0 ""'
    lanes.razor = '5.0 7.0 "" 0.5 1.0,1.0 2.0 "{AB}"'
    project = regenerate(session)
    assert [len(i.takes) for i in project.items()] == [2, 1, 2]
    starts = sorted(r["start_time"] for r in session.daemon.requests.values())
    assert starts == pytest.approx([2.0, 5.0]) and len(project.undo_names) == 5


def test_an_empty_take_and_a_range_beyond_the_item(session):
    item = session.song(seconds=10.0)
    item.takes.append(Take())
    session.project.mark("empty take")
    session.select(8.0, 14.0)
    regenerate(session)
    (made,) = session.daemon.requests.values()
    assert (made["start_time"], made["end_time"]) == pytest.approx((8.0, 10.0))
    item = session.project.items()[0]
    item.active, item.selected = 1, True
    session.project.mark("choose the empty take")
    session.action("Next take")
    assert session.project.items()[0].active == 2
    session.check()

"""Results as fixed lanes: placed, played, auditioned, kept and undone, on tracks that have lanes."""

from __future__ import annotations

import pytest
import soundfile

from tests.support.reaper.pressing import TAKE, TRACK, run, samples

LANES = 2.0


@pytest.fixture
def session(studio):
    studio.save_tags(snap_to_bars="no", context_seconds="2", lanes="yes", variations="3")
    item = studio.song(seconds=12.0)
    item.values.update(D_VOL=0.5, D_FADEINLEN=0.1, C_FADEINSHAPE=2.0)
    studio.project.tracks[0].values["I_FREEMODE"] = LANES
    studio.project.mark("lanes")
    studio.select(4.0, 6.0)
    return studio


def lanes(project, track=0):
    """(lane, take's name) of each item of a track, in the order of lanes."""
    found = [(int(i.values["I_FIXEDLANE"]), i) for i in project.tracks[track].items]
    assert all(len(item.takes) == 1 for _, item in found)
    return [(lane, item.takes[0].name) for lane, item in sorted(found, key=lambda pair: pair[0])]


def playing(project, track=0):
    values = project.tracks[track].values
    return [n for n in range(int(values["I_NUMFIXEDLANES"])) if values.get(f"C_LANEPLAYS:{n}", float(n == 0))]


def test_variations_are_new_lanes_and_the_last_one_plays_alone(session):
    project = run(session, TAKE)
    assert [lane for lane, _ in lanes(project)] == [0, 1, 2, 3]
    assert lanes(project)[3][1] == "ACE-Step 3: house, drums"
    assert playing(project) == [3] and project.undo_names[-1] == "ACE-Step: regenerate as new take"
    original, new = project.tracks[0].items[0], project.tracks[0].items[1]
    for key in ("D_POSITION", "D_LENGTH", "D_VOL", "D_FADEINLEN", "C_FADEINSHAPE"):
        assert new.values[key] == original.values[key], key
    old, made = samples(original.takes[0].source.path), samples(new.takes[0].source.path)
    assert (old[: round(3.9 * 48000)] == made[: round(3.9 * 48000)]).all() and len(old) == len(made)
    session.fake.Undo_DoUndo2(0)
    assert len(session.project.items()) == 1 and playing(session.project) == [0]


def test_off_by_default_and_where_the_track_has_no_lanes(session):
    session.save_tags(snap_to_bars="no", context_seconds="2")
    assert len(run(session, TAKE).items()[0].takes) == 2
    session.save_tags(snap_to_bars="no", context_seconds="2", lanes="yes")
    session.project.tracks[0].values["I_FREEMODE"] = 0.0
    session.project.mark("no lanes")
    project = run(session, TAKE)
    assert len(project.items()) == 1 and len(project.items()[0].takes) == 3


def test_reaper_6_has_no_lanes(session):
    session.fake.version = "6.83/linux-x86_64"
    assert len(run(session, TAKE).items()[0].takes) == 4


def test_nothing_else_falls_silent(session):
    """Another item of the track plays: the new lane stays silent, and is named."""
    other = session.song("other.wav", seconds=4.0, position=20.0, seed=1)
    session.project.tracks.pop()
    session.project.tracks[0].items.append(other)
    session.project.tracks[0].name = "Drums"
    session.project.mark("another item")
    session.select(4.0, 6.0)
    project = run(session, TAKE)
    assert playing(project) == [0] and [lane for lane, _ in lanes(project)] == [0, 0, 1, 2, 3]
    assert "It is in lane 4 of Drums, which does not play" in session.fake.help_text


def test_variations_on_a_new_track_are_its_lanes(session):
    project = run(session, TRACK)
    new = project.tracks[1]
    assert new.values["I_FREEMODE"] == LANES and new.values["I_NUMFIXEDLANES"] == 3.0
    assert [lane for lane, _ in lanes(project, 1)] == [0, 1, 2] and playing(project, 1) == [2]
    assert len({round(i.start, 6) for i in new.items}) == 1


def test_lanes_are_stepped_through_compared_kept_and_rejected(session):
    run(session, TAKE)
    session.project.tracks[0].items[0].selected = True
    for action, lane, said in (
        ("Next take", 0, "lane 1/4: drums.wav"),
        ("Previous take", 3, "lane 4/4: ACE-Step 3: house, drums"),
        ("Compare with original", 0, "lane 1/4"),
        ("Compare with original", 3, "lane 4/4"),
        ("Previous take", 2, "lane 3/4"),
    ):
        points = len(session.project.undo_names)
        session.action(action)
        assert playing(session.project) == [lane] and said in session.fake.help_text, action
        assert len(session.project.undo_names) == points + 1
    session.action("Reject this take")
    assert playing(session.project) == [0] and [lane for lane, _ in lanes(session.project)] == [0, 1, 3]
    session.action("Previous take")
    session.action("Keep this take, drop our others")
    assert "lane 2/2" in session.fake.help_text and "1 of our takes dropped" in session.fake.help_text
    assert [lane for lane, _ in lanes(session.project)] == [0, 3] and playing(session.project) == [3]
    session.fake.Undo_DoUndo2(0)
    assert [lane for lane, _ in lanes(session.project)] == [0, 1, 3]
    session.check()


def test_a_lane_that_plays_is_regenerated_again_and_extended(session):
    session.save_tags(snap_to_bars="no", context_seconds="2", lanes="yes")
    run(session, TAKE)
    project = run(session, TAKE)  # of lane 1, which plays: lane 0 does not
    assert [lane for lane, _ in lanes(project)] == [0, 1, 2] and playing(project) == [2]
    for item in project.items():
        item.selected = item.values["I_FIXEDLANE"] == 2.0
    session.select(12.0, 14.0)
    project = run(session, "Extend item after to time selection")
    longest = next(i for i in project.items() if i.values["I_FIXEDLANE"] == 3.0)
    assert (longest.start, longest.end) == (0.0, 14.0) and playing(project) == [3]
    assert soundfile.info(longest.takes[0].source.path).duration == pytest.approx(14.0)
    assert [i.end for i in project.items() if i is not longest] == [12.0] * 3
    session.check()


def test_what_plays_stands_for_the_selected_item_whose_lane_is_silent(session):
    """The original stays selected: the next key press is about its version that is heard."""
    session.save_tags(snap_to_bars="no", context_seconds="2", lanes="yes")
    session.project.items()[0].selected = True
    run(session, TAKE)
    project = run(session, TAKE)
    assert [lane for lane, _ in lanes(project)] == [0, 1, 2] and playing(project) == [2]
    originals = [i.takes[0].ext.get("acestep_original") for i in project.items()]
    assert originals[2] == project.items()[1].takes[0].guid
    session.project.items()[0].selected = True
    run(session, "Do it again (same seed)")
    assert playing(session.project) == [3] and list(session.daemon.requests.values())[-1]["seed"] == 7
    session.check()


def test_takes_on_a_lane_stay_takes_for_the_actions(session):
    session.save_tags(snap_to_bars="no", context_seconds="2")
    run(session, TAKE)
    session.project.items()[0].selected = True
    session.action("Previous take")
    assert session.project.items()[0].active == 0 and "take 1/2" in session.fake.help_text
    session.check()

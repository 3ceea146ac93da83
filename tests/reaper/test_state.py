"""Results find their project: closed, saved or not, in another tab, saved under another name; ticks stay small."""

from __future__ import annotations

import copy

import pytest

from tests.support.reaper.fake import Item, Project, Take, Track
from tests.support.reaper.pressing import TAKE

SERVICE = "Background service"


@pytest.fixture
def session(studio):
    studio.save_tags(snap_to_bars="no", context_seconds="1")
    studio.song(seconds=12.0)
    studio.select(4.0, 6.0)
    return studio


def leave_running(session):
    """A job is with the daemon when REAPER closes."""
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.close_reaper()
    session.daemon.hold = False


def reopen(session, content, path):
    """REAPER starts again with a project as it was on the disk."""
    project = Project(path, str(session.folder))
    project.content = content
    project.mark("load")
    session.fake.projects = [project]
    session.open_reaper()
    session.action(SERVICE)
    return project


@pytest.mark.parametrize("path", ["song.rpp", "renamed.rpp"])
def test_a_project_that_was_not_saved_after_the_key_press(session, path):
    """Its ext state holds no id of ours; the file's name, or the track's GUID, says that it is the one."""
    saved = copy.deepcopy(session.project.content)
    leave_running(session)
    project = reopen(session, saved, f"{session.folder}/{path}")
    session.until(lambda: len(project.items()[0].takes) == 2)
    session.check()


def test_another_project_gets_nothing(session):
    leave_running(session)
    project = reopen(session, copy.deepcopy(Project().content), f"{session.folder}/other.rpp")
    session.until(lambda: "list" in session.daemon.seen)
    session.host.tick(40, 0.005)
    assert project.tracks == [] and not (session.home / "reaper_placed.json").exists()
    session.check()


def test_a_tab_that_is_left_while_the_track_is_read(session):
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.mark("stretch")
    session.action(TAKE)
    session.fake.projects.append(Project(f"{session.folder}/other.rpp", str(session.folder)))
    session.fake.active = 1
    session.host.tick(30, 0.01)
    assert session.daemon.jobs == {} and session.fake.tooltips == []
    session.fake.active = 0
    session.finish()
    assert len(session.fake.projects[0].tracks) == 2
    session.check()


def test_ticks_of_a_large_session_are_small(session):
    """Calls a tick, whatever the project holds: nothing looks at every item but the final placing."""
    for number in range(20):
        track = Track(name=f"track {number}")
        for index in range(50):
            item = Item(takes=[Take(source=session.project.items()[0].takes[0].source)])
            item.values.update(D_POSITION=20.0 + index, D_LENGTH=0.9)
            track.items.append(item)
        session.project.tracks.append(track)
    session.project.mark("a large session")
    session.project.tracks[0].items[0].takes[0].stretch_markers = 1  # it is captured in chunks
    session.project.mark("stretch")
    for words, most in ((TAKE, 220), ("Regenerate time selection on new track", 220)):
        before = session.host.calls
        session.action(words)
        assert session.host.calls - before <= most
        ticks, sizes = [], []
        count = len(session.project.tracks)
        while len(session.project.tracks) == count:
            before, size = session.host.calls, session.host.bytes
            session.host.tick(1, 0.002)
            ticks.append(session.host.calls - before)
            sizes.append(session.host.bytes - size)
            assert len(ticks) < 3000
        assert max(ticks[:-1]) <= 60, max(ticks[:-1])
        assert max(sizes[:-1]) <= 6000, max(sizes[:-1])
    assert session.fake.log.count("GetMediaItem") == 0
    session.check()


def test_a_tick_does_one_thing(session):
    """Taking a key press, reading a track, making files: never two of them, nor for two parts, in one tick."""
    for number in range(1, 4):
        session.song(f"{number}.wav", seconds=6.0, seed=number)
    for item in session.project.items()[:2]:
        item.takes[0].stretch_markers = 1
    session.project.mark("stretch")
    session.select(2.0, 4.0)
    for track in session.project.tracks:
        track.selected = True
    points = len(session.project.undo_names)
    session.action(TAKE)  # starts the background script, which takes it at once
    session.host.run(session.folder / "scripts" / f"acestep_{TAKE}.py")
    seen = []
    while len(session.project.undo_names) < points + 2:
        at, queued = len(session.fake.log), bool(session.fake.ext_state["acestep", "queue"])
        session.host.tick(1, 0.002)
        calls = session.fake.log[at:]
        seen.append((queued, calls.count("CreateTrackAudioAccessor"), calls.count("GetProjectPathEx")))
        assert len(seen) < 3000
    assert all(any(row[kind] for row in seen) for kind in range(3))
    assert max(sum(row) for row in seen) == 1, seen
    session.check()

"""A new take waits for the beat or the bar that a surface set, while the project plays."""

from __future__ import annotations

import pytest

from tests.support.reaper.pressing import TAKE


@pytest.fixture
def session(studio):
    """A studio with saved tags and a song of 20 s whose range 8 to 12 s is selected."""
    studio.save_tags()
    studio.song()
    studio.select(8.0, 12.0)
    return studio


@pytest.mark.parametrize(
    ("quantize", "before", "at"), [("beat", 8.47, 8.49), ("bar", 9.97, 9.99), ("2 bars", 11.97, 11.99)]
)
def test_a_new_take_waits_for_the_grid_that_a_surface_set(session, quantize, before, at):
    """At 120 bpm, from 8.3 s on; half a tick early, since ticks are late. Stopped, nothing is waited for."""
    project = session.project
    project.content.tempo[0].bpm = 120.0
    project.mark("tempo")
    session.daemon.controls.update({"reaper": 1, "take/quantize": quantize, "tags": "house"})
    project.play_state, project.play_position = 1, 8.3
    session.action(TAKE)
    session.until(lambda: "result" in session.daemon.seen)
    session.host.tick(20, 0.005)
    project.play_position = before
    session.host.tick(5, 0.005)
    assert len(project.items()[0].takes) == 1
    project.play_position = at
    session.finish()
    assert len(project.items()[0].takes) == 2
    session.check()


def test_a_take_that_waits_is_placed_when_the_project_stops(session):
    session.daemon.controls.update({"reaper": 1, "take/quantize": "64 bars", "tags": "house"})
    session.project.play_state, session.project.play_position = 1, 8.3
    session.action(TAKE)
    session.until(lambda: "result" in session.daemon.seen)
    session.host.tick(20, 0.005)
    assert len(session.project.items()[0].takes) == 1
    session.project.play_state = 0
    session.finish()
    assert len(session.project.items()[0].takes) == 2
    session.check()

"""The scripts in the oldest and the newest Python that REAPER may embed, where they are on this machine."""

from __future__ import annotations

import pytest

from tests.support.reaper.fake import Accessor, Marker
from tests.support.reaper.host import find_python, why_no_host
from tests.support.reaper.pressing import TAKE, run

pytestmark = pytest.mark.skipif(bool(why_no_host()), reason=why_no_host() or "-")

ACTIONS = {  # what is pressed, and the answers to its dialogs
    "Next take": [],
    "Compare with original": [],
    "Regenerate regions by name": [],
    "Do it again (new seed)": [],
    "Retake": [],
    "Generate at time selection from tags": [],
}


@pytest.fixture(params=["3.8", "3.13"])
def session(request, make_studio):
    python = find_python(request.param)
    if not python:
        pytest.skip(f"no Python {request.param} here")
    studio = make_studio("sub", python=python)
    studio.save_tags(snap_to_bars="no", context_seconds="1")
    studio.song(seconds=8.0)
    studio.project.content.markers = [Marker(2.0, "ace: techno", 1, 4.0)]
    studio.project.mark("region")
    probe = studio.folder / "probe.py"
    probe.write_text("RPR_SetExtState('t', 'v', '%d.%d' % sys.version_info[:2], 0)\n", encoding="ascii")
    studio.host.run(probe)
    assert studio.fake.ext_state["t", "v"] == request.param
    studio.project.move_in_history(-1)  # the probe's own undo point
    studio.select(2.0, 4.0)
    return studio


def test_scripts_run_three_times(session):
    for _ in range(3):
        run(session, TAKE)
    session.project.items()[0].selected = True
    session.project.cursor = 3.0
    for words, answers in ACTIONS.items():
        for _ in range(3):
            session.fake.answers = list(answers)
            session.fake.help_text, points = "", len(session.project.undo_names)
            session.action(words)
            session.until(lambda: len(session.project.undo_names) > points)  # noqa: B023
            session.host.tick(2)
    session.check()


def test_a_track_is_read(session):
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.mark("stretch")
    run(session, TAKE)
    assert len(session.project.tracks) == 2 and session.fake.living(Accessor) == []

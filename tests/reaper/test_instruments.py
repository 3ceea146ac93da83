"""The three actions of single instruments: a stem on a new track, one taken out, the rest of a band as a take.

Through the C host over the fake against a stand-in daemon, and one of them against the real one with ACE-Step 1.5's
networks.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from tests.support.golden15_runs import OURS
from tests.support.reaper.pressing import run, samples

ADD, EXTRACT, COMPLETE = "Add instrument to time selection", "Extract instrument from item", "Complete selection"


@pytest.fixture
def session(studio):
    studio.save_tags(snap_to_bars="no", context_seconds="2")
    studio.song()
    studio.select(8.0, 12.0)
    return studio


def request(session):
    return list(session.daemon.requests.values())[-1]


def test_an_instrument_comes_on_a_new_track_of_its_name(session):
    project = run(session, ADD, "Bass|house, warm")
    made = request(session)
    assert made["task"] == "lego" and made["track"] == "bass" and made["tags"] == "house, warm"
    assert made["model"] == "ace-step-1.5-base" and "output" not in made
    assert (made["start_time"], made["end_time"], made["context_seconds"]) == pytest.approx((2.0, 6.0, 2.0))
    assert [track.name for track in project.tracks] == [project.tracks[0].name, "ACE-Step bass"]
    item = project.tracks[1].items[0]
    assert (item.start, item.end) == pytest.approx((8.0 - 0.03, 12.0 + 0.03))
    assert item.takes[0].name == "ACE-Step: bass, house, warm"
    assert len(samples(item.takes[0].source.path)) == round(4.06 * 48000)  # the stem alone, no copy of the song
    assert json.loads(item.takes[0].ext["acestep_model"])["name"] == "noise"
    assert session.fake.Undo_DoUndo2(0) == 1 and len(session.project.tracks) == 1


def test_again_adds_a_take_to_the_same_item(session):
    run(session, ADD, "drums|")
    assert "tags" not in request(session)
    session.project.tracks[1].items[0].selected = True
    project = run(session, "Do it again (new seed)")
    again = request(session)
    assert again["task"] == "lego" and again["track"] == "drums" and again["start_time"] == pytest.approx(2.0)
    assert len(project.tracks) == 2 and len(project.tracks[1].items[0].takes) == 2


def test_extract_is_as_long_as_the_item(session):
    session.project.items()[0].selected = True
    project = run(session, EXTRACT, "vocals|")
    made = request(session)
    assert made["task"] == "extract" and made["track"] == "vocals" and "start_time" not in made
    old, new = project.tracks[0].items[0], project.tracks[1].items[0]
    assert project.tracks[1].name == "ACE-Step vocals" and (new.start, new.end) == pytest.approx((old.start, old.end))
    assert len(old.takes) == 1
    new.selected, old.selected = True, False
    project = run(session, "Do it again (new seed)")
    again = request(session)
    assert again["task"] == "extract" and again["track"] == "vocals" and again["audio"] == made["audio"]
    assert again.get("seed") != made.get("seed") or "seed" not in again
    assert [len(track.items) for track in project.tracks] == [1, 1] and len(project.tracks[1].items[0].takes) == 2
    assert len(project.tracks[0].items[0].takes) == 1


def test_complete_is_a_take_of_the_item(session):
    session.project.items()[0].selected = True
    session.save_tags(model="mine")
    project = run(session, COMPLETE, "dr; bass|house")
    made = request(session)
    assert made["task"] == "complete" and made["tracks"] == ["drums", "bass"] and made["model"] == "mine"
    assert len(project.tracks) == 1 and project.items()[0].takes[1].name == "ACE-Step: drums, bass, house"
    session.action("Previous take")
    session.action("Next take")
    assert session.fake.help_text.endswith("take 2/2: ACE-Step: drums, bass, house, made by noise")


@pytest.mark.parametrize("answer", ["piano|", "|", "bass, drums|", "b|"])
def test_other_names_are_refused_before_anything_is_sent(session, answer):
    session.fake.answers = [answer]
    session.action(ADD)
    assert "woodwinds, brass" in session.fake.help_text and session.daemon.requests == {}


def test_several_ranges_are_refused(session):
    session.song("other.wav", seed=1)
    for item in session.project.items():
        item.selected = True
    session.action(ADD)
    assert "2 ranges are chosen" in session.fake.help_text and session.daemon.requests == {}


def test_lego_inpaint_and_generate_with_the_real_daemon(real_studio):
    studio = real_studio
    studio.song(seconds=6.0)
    studio.select(2.0, 3.0)
    base = str(OURS / "tiny_checkpoint" / "base")
    studio.save_tags(tags="house", steps="2", seed="7", context_seconds="1", snap_to_bars="no", model=base)
    studio.fake.answers = ["bass|house"]
    for action in (ADD, "Regenerate time selection on new track", "Generate at time selection from tags"):
        studio.action(action)
    tracks = studio.project.tracks
    studio.until(lambda: sum(len(track.items) for track in tracks) == 4 or studio.fake.tooltips != [])
    assert studio.fake.tooltips == []
    takes = [track.items[0].takes[0] for track in tracks if track.name.startswith("ACE-Step")]
    recipes = [json.loads(take.ext["acestep_recipe"]) for take in takes]
    assert {recipe["request"]["task"] for recipe in recipes} == {"lego", "inpaint", "text-to-audio"}
    assert {recipe["model"]["name"] for recipe in recipes} == {"base"}
    for take in takes:
        assert np.abs(soundfile.read(take.source.path)[0]).max() > 0
        assert json.loads(take.ext["acestep_model"])["name"] == "base"
    studio.check()

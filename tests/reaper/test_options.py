"""What settings and the project add to a request: capture, key, regions, variations; and making a take again."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.support.reaper.fake import Marker
from tests.support.reaper.pressing import TAKE, run, samples


@pytest.fixture
def session(studio):
    studio.save_tags(snap_to_bars="no", context_seconds="2")
    studio.song(seconds=12.0)
    studio.select(4.0, 6.0)
    return studio


def sent(session, words, *answers):
    """The audio that an action sends, read before the job may end."""
    session.daemon.hold = True
    session.fake.answers = list(answers)
    session.fake.help_text = ""
    count = len(session.daemon.jobs)
    session.action(words)
    session.wait_sent(count + 1)
    data = samples(list(session.daemon.requests.values())[-1]["audio"])
    session.daemon.hold = False
    session.finish()
    session.check()
    return data


def test_bus_is_the_folder_or_the_master(session):
    session.save_tags(snap_to_bars="no", context_seconds="2", capture="bus")
    source = samples(session.project.items()[0].takes[0].source.path)[2 * 48000 : 8 * 48000]
    assert np.allclose(sent(session, TAKE), -source, atol=1e-6)  # the fake's master inverts
    assert "bus" in session.fake.help_text
    folder = session.song("folder.wav", seconds=1.0, position=90.0)
    tracks = session.project.tracks
    tracks.insert(0, tracks.pop())
    tracks[0].values["I_FOLDERDEPTH"], tracks[0].fx = 1.0, ["EQ"]
    session.project.mark("folder")
    assert folder.start == 90.0
    session.select(4.0, 6.0, track=1)
    before = slice(0, round(1.9 * 48000))  # further on, the folder plays the first result, too
    assert np.allclose(sent(session, TAKE)[before], source[before] * 0.5, atol=1e-6)


def test_wet_capture_serves_the_other_actions_and_is_announced(session):
    session.save_tags(snap_to_bars="no", capture="wet")
    item = session.project.items()[0]
    item.selected = True
    session.project.tracks[0].fx.append("Compressor")
    session.project.mark("fx")
    source = samples(item.takes[0].source.path)
    said = []
    show = session.fake.Help_Set
    session.fake.Help_Set = lambda text, temporary: (said.append(text), show(text, temporary))[1]
    data = sent(session, "Remix selected items", "house|techno")
    assert np.allclose(data[:-1], source[: len(data) - 1] * 0.5, atol=1e-6)
    assert any("REAPER waits" in text for text in said)
    assert len(session.project.tracks) == 2 and session.project.tracks[1].items[0].start == pytest.approx(0.0)


def test_key_of_the_project_or_else_of_the_file(session):
    fields = ["house", "", "", "", "0.5", "2", "0.03", "1", "", "20", "dry", "no", "yes", "ace"]
    session.fake.answers = ["|".join([*fields, "no key"])]
    session.action("Settings")
    assert "expected such as A minor" in session.fake.help_text
    session.project.items()[0].takes[0].source.metadata["ID3:TKEY"] = "F#m"
    session.project.mark("metadata")
    run(session, TAKE)
    assert list(session.daemon.requests.values())[-1]["key"] == "F# minor"
    session.fake.answers = ["|".join([*fields, "Bb"])]
    session.action("Settings")
    assert session.project.ext["acestep", "key"] == "Bb"
    run(session, TAKE)
    assert list(session.daemon.requests.values())[-1]["key"] == "Bb major"


def test_regions_of_a_chosen_word_with_notes_and_variations(session):
    session.save_tags(region_word="gen", variations="2")
    session.fake.hidden = ()  # SWS is installed
    session.project.content.markers = [
        Marker(2.0, "ace: techno", 1, 3.0),
        Marker(4.0, "gen: drums, 124 bpm", 2, 6.0, notes="la la\nlo lo"),
        Marker(7.0, "gen", 3),
        Marker(9.0, "end", 4),
    ]
    session.project.items()[0].notes = "words of the item"
    session.project.mark("markers")
    points = len(session.project.undo_names)
    project = run(session, "Regenerate regions by name")
    made = sorted(session.daemon.requests.values(), key=lambda r: r["start_time"])
    assert [(r["start_time"], r["end_time"]) for r in made] == [(4.0, 6.0), (7.0, 9.0)]
    assert [r["tags"] for r in made] == ["drums, 124 bpm", "house, drums"]
    assert [r["lyrics"] for r in made] == ["la la\nlo lo", "words of the item"]
    assert len(project.items()[0].takes) == 5 and len(project.undo_names) == points + 1


def test_retake_takes_the_item_under_the_cursor_before_a_selected_one_elsewhere(session):
    run(session, TAKE)
    other = session.song("other.wav", seconds=4.0, position=20.0, seed=5)
    other.selected = True
    session.project.cursor = 5.0
    run(session, "Retake")
    assert [len(i.takes) for i in session.project.items()] == [3, 1]
    made = list(session.daemon.requests.values())[-1]
    assert made["variance"] == 0.5 and "retake_seed" not in made


def test_a_captured_take_is_made_again_from_the_track(session):
    session.project.items()[0].takes[0].stretch_markers = 1
    session.project.mark("stretch")
    first = sent(session, TAKE)
    item = session.project.tracks[1].items[0]
    item.selected = True
    assert np.array_equal(first, sent(session, "Do it again (same seed)"))
    item = session.project.tracks[1].items[0]
    assert len(item.takes) == 2 and len(session.project.tracks) == 2
    assert item.takes[1].values["D_STARTOFFS"] == item.takes[0].values["D_STARTOFFS"]
    assert list(session.daemon.requests.values())[-1]["seed"] == 7


def test_extended_and_generated_takes_are_made_again_in_place(session):
    session.project.items()[0].selected = True
    session.select(12.0, 14.0)
    first = sent(session, "Extend item after to time selection")
    assert np.array_equal(first, sent(session, "Do it again (new seed)"))
    item = session.project.items()[0]
    assert (item.start, item.end, len(item.takes)) == (0.0, 14.0, 3)
    assert soundfile.info(item.takes[2].source.path).duration == pytest.approx(14.0)
    session.action("Commit this take")
    session.action("Do it again (same seed)")
    assert "is gone" in session.fake.help_text
    session.fake.Undo_DoUndo2(0)
    session.select(20.0, 22.0)
    run(session, "Generate at time selection from tags")
    for other in session.project.items():
        other.selected = other is session.project.tracks[1].items[0]
    session.project.cursor = 21.0
    run(session, "Retake")
    assert list(session.daemon.requests.values())[-1]["task"] == "retake"
    assert len(session.project.tracks[1].items[0].takes) == 2


def test_the_daemon_is_offered_when_it_is_not_to_start_by_itself(session):
    session.save_tags(snap_to_bars="no", start_daemon="no")
    session.daemon.stop()
    (session.home / "connection.json").unlink()
    session.fake.answers = [7]
    session.action(TAKE)
    assert "nothing was rendered" in session.fake.help_text and session.host.running == []
    session.daemon.start()
    run(session, TAKE)
    assert len(session.fake.dialogs) == 1

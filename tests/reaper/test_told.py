"""What goes wrong is said in plain words, costs nothing else, and leaves no file and no false word."""

from __future__ import annotations

import json
import math
import os
import time

import pytest
import soundfile

from tests.support.reaper.fake import Marker, Project, Take
from tests.support.reaper.pressing import TAKE, run, samples

SERVICE = "Background service"


@pytest.fixture
def session(two_tracks):
    return two_tracks


def stretch(session, index=0):
    """The take's own file cannot be used: the track is captured, the result comes on a new track."""
    session.project.items()[index].takes[0].stretch_markers = 1
    session.project.mark("stretch")


def select_both(session):
    for track in session.project.tracks:
        track.selected = True


def test_a_daemon_that_was_moved_away(session):
    session.daemon.stop()
    (session.home / "connection.json").unlink()
    gone = str(session.folder / "moved" / "acestep-bridge")
    (session.home / "install.json").write_text(json.dumps({"version": 1, "daemon_command": [gone]}), encoding="utf-8")
    session.action(TAKE)
    session.until(lambda: session.fake.tooltips != [])
    assert "could not be started" in session.fake.help_text and "reaper install" in session.fake.help_text
    session.daemon.start()
    run(session, TAKE)
    assert len(session.project.items()[0].takes) == 2


def test_a_range_longer_than_the_model_makes_is_told_at_the_key_press(session):
    session.project.items()[0].values["D_LENGTH"] = 300.0
    session.project.mark("loop")
    session.select(0.0, 290.0)
    session.action(TAKE)
    assert "290 s are chosen, at most 240 s are made at once. Select a shorter" in session.fake.help_text
    assert session.host.running == []


def test_a_full_disk_while_the_track_is_read(session):
    (session.home / "captures").write_text("in the way", encoding="ascii")
    stretch(session)
    session.action(TAKE)
    session.until(lambda: session.fake.tooltips != [])
    assert "could not be written" in session.fake.help_text and "disk space" in session.fake.help_text
    assert session.daemon.jobs == {}
    session.check()


def test_an_error_in_the_middle_of_placing_takes_no_file_away(session):
    """The first result is on its item when the second one cannot be placed."""
    stretch(session, 1)
    select_both(session)
    value = session.fake.GetMediaTrackInfo_Value
    session.fake.GetMediaTrackInfo_Value = lambda track, key: math.nan if key == "IP_TRACKNUMBER" else value(track, key)
    session.action(TAKE)
    session.until(lambda: session.fake.tooltips != [])
    assert "could not be placed as a whole" in session.fake.help_text
    assert "ValueError" in (session.home / "reaper.log").read_text(encoding="utf-8")
    item = session.project.items()[0]
    assert len(item.takes) == 2 and soundfile.info(item.takes[1].source.path).frames > 0
    assert session.fake.violations == [] and session.fake.Undo_DoUndo2(0) == 1


def test_of_a_batch_one_fails_and_one_is_placed(session):
    session.daemon.hold = True
    select_both(session)
    session.action(TAKE)
    session.wait_sent(2)
    failed = list(session.daemon.jobs.values())[1]
    failed.update(state="failed", sequence=9, error={"code": "internal", "message": "The model broke"})
    session.daemon.hold = False
    session.finish()
    assert "The model broke. The others are placed" in session.fake.help_text
    assert [len(i.takes) for i in session.project.items()] == [2, 1]
    session.check()


def test_finished_jobs_are_not_shown_as_running(session):
    run(session, TAKE)
    session.fake.answers = [1]
    session.action("Jobs - show")
    assert session.fake.dialogs[-1][1] == "No job is running."
    session.check()


def test_jobs_from_before_reaper_was_closed_are_cancelled(session):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.close_reaper()
    session.open_reaper()
    session.action("Jobs - cancel last")
    session.until(lambda: session.daemon.jobs["job-1"]["state"] == "cancelled")
    session.daemon.hold = False
    session.host.tick(40, 0.005)
    assert len(session.project.items()[0].takes) == 1
    session.check()


def test_nothing_is_rendered_through_fx_while_recording_and_render_settings_do_not_count(session):
    session.save_tags(snap_to_bars="no", context_seconds="2", capture="wet")
    mine = {"RENDER_NORMALIZE": 1.0, "RENDER_DITHER": 3.0}, {"RENDER_FORMAT2": "l3pm", "RENDER_FORMAT": "ZXZhdw=="}
    session.project.info.update(mine[0])
    session.project.strings.update(mine[1])
    session.project.play_state = 5
    session.daemon.hold = True
    session.action(TAKE)
    session.host.tick(20, 0.02)
    assert 42230 not in session.fake.commands and "waits for the recording to end" in session.fake.help_text
    session.project.play_state = 0
    session.wait_sent(1)
    sent = session.daemon.requests["job-1"]["audio"]
    assert sent.endswith(".wav") and abs(samples(sent)).max() < 0.21
    session.daemon.hold = False
    session.finish()
    assert {k: session.project.info[k] for k in mine[0]} == mine[0]
    assert {k: session.project.strings[k] for k in mine[1]} == mine[1]
    assert list((session.home / "captures").iterdir()) == []
    session.check()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (7, "2.5", "variations: got '2.5', expected a whole number"),
        (11, "maybe", "snap_to_bars: got 'maybe', expected yes or no"),
        (0, "drums | bass", "A field holds the sign |"),
    ],
)
def test_settings_that_would_be_misread(session, field, value, said):
    answer = ["house", "", "", "", "0.5", "10", "0.03", "1", "", "20", "dry", "yes", "yes", "ace", "", "no"]
    answer[field] = value
    before = dict(session.fake.ext_state)
    session.fake.answers = ["|".join(answer)]
    session.action("Settings")
    assert said in session.fake.help_text
    assert session.fake.ext_state["acestep", "settings"] == before["acestep", "settings"]


def test_regions_without_an_item_are_not_called_missing(session):
    session.project.content.markers = [Marker(20.0, "ace: techno", 1, 22.0)]
    session.project.mark("region")
    session.action("Regenerate regions by name")
    assert "have no item in a region 'ace'" in session.fake.help_text
    session.project.content.markers[0].position, session.project.content.markers[0].end = 2.0, 4.0
    session.project.items()[0].values["B_MUTE"] = 1.0
    session.project.mark("mute")
    session.action("Regenerate regions by name")
    assert "An item at 0:00.000 is muted" in session.fake.help_text
    session.check()


def test_compare_takes_all_selected_items_and_finds_the_newest_take(session):
    select_both(session)
    run(session, TAKE)
    for item in session.project.items():
        item.selected = True
    session.action("Previous take")  # not by Compare
    assert [i.active for i in session.project.items()] == [0, 0]
    session.action("Compare with original")
    assert [i.active for i in session.project.items()] == [1, 1]
    session.action("Compare with original")
    assert [i.active for i in session.project.items()] == [0, 0]
    session.check()


def test_an_empty_take_is_not_committed(session):
    item = session.project.items()[0]
    item.takes.append(Take())
    item.active, item.selected = 1, True
    session.project.mark("empty take")
    session.fake.GetActiveTake = lambda item: 0  # REAPER gives NULL for an empty take
    session.action("Commit this take")
    assert "The active take is empty" in session.fake.help_text and len(session.project.items()[0].takes) == 2
    session.check()


def test_projects_from_one_template_do_not_get_each_others_results(session):
    """They share the id that the template was saved with."""
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    sibling = Project(f"{session.folder}/sibling.rpp", str(session.folder))
    sibling.ext = dict(session.project.ext)
    session.fake.projects.append(sibling)
    session.fake.active = 1
    session.daemon.hold = False
    session.until(lambda: "waits for its project" in session.fake.help_text)
    session.host.tick(20)
    assert sibling.tracks == []
    session.fake.active = 0
    session.finish()
    assert len(session.project.items()[0].takes) == 2
    session.check()


def test_scripts_and_daemon_of_two_versions(session):
    session.daemon.version = "9.9.9"
    session.fake.answers = [1]
    session.action("Setup")
    session.until(lambda: session.fake.tooltips != [])
    assert "the daemon is 9.9.9. Run 'acestep-bridge reaper install'" in session.fake.help_text


def test_what_a_crashed_reaper_left_is_removed_a_month_later(session):
    folder = session.home / "captures"
    folder.mkdir()
    for name, days in (("old.wav", 31), ("new.wav", 1)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    run(session, TAKE)
    assert [p.name for p in folder.iterdir()] == ["new.wav"]


def test_a_new_track_stays_in_the_folder_of_its_source_and_a_bus_result_leaves_it(session):
    session.song("third.wav", seconds=2.0, position=30.0, seed=2)
    first, second, _ = session.project.tracks
    first.values["I_FOLDERDEPTH"], second.values["I_FOLDERDEPTH"] = 1.0, -1.0
    stretch(session, 1)
    session.select(4.0, 6.0, track=1)
    run(session, TAKE)
    assert [t.values["I_FOLDERDEPTH"] for t in session.project.tracks] == [1.0, 0.0, -1.0, 0.0]
    session.fake.Undo_DoUndo2(0)
    assert [t.values["I_FOLDERDEPTH"] for t in session.project.tracks] == [1.0, -1.0, 0.0]
    session.save_tags(snap_to_bars="no", context_seconds="2", capture="bus")
    session.select(4.0, 6.0, track=1)
    run(session, TAKE)
    assert [t.values["I_FOLDERDEPTH"] for t in session.project.tracks] == [1.0, -1.0, 0.0, 0.0]
    assert session.project.tracks[2].items[0].start == pytest.approx(3.97)

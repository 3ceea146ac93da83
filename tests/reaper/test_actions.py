"""Every other action, through the C host, over the fake, against a stand-in daemon."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.support.reaper.fake import Marker, Tempo, split
from tests.support.reaper.pressing import TAKE, TRACK, run, samples


@pytest.fixture
def session(studio):
    """A studio with saved tags and a song of 20 s whose range 8 to 12 s is selected."""
    studio.save_tags()
    studio.song()
    studio.select(8.0, 12.0)
    return studio


def request(session):
    return list(session.daemon.requests.values())[-1]


def test_on_new_track_has_crossfades_outside_the_region(session):
    project = run(session, TRACK)
    assert len(project.tracks) == 2 and len(project.tracks[0].items[0].takes) == 1
    item = project.tracks[1].items[0]
    assert (item.start, item.end) == pytest.approx((8.0 - 0.03, 12.0 + 0.03))
    assert item.values["D_FADEINLEN"] == pytest.approx(0.03)
    assert item.takes[0].values["D_STARTOFFS"] == pytest.approx(7.97)
    assert session.fake.Undo_DoUndo2(0) == 1 and len(session.project.tracks) == 1


def test_offset_and_rate_map_the_region_into_the_source(session):
    item = session.project.items()[0]
    item.takes[0].values.update(D_STARTOFFS=2.0, D_PLAYRATE=0.5, D_VOL=0.7)
    item.takes[0].fx.append("EQ")
    item.values["D_POSITION"] = 4.0
    session.project.mark("edit")
    project = run(session, TAKE)
    made = request(session)
    assert (made["start_time"], made["end_time"]) == pytest.approx((4.0, 6.0))
    assert made["tempo_map"][0]["bpm"] == pytest.approx(240.0)
    new = project.items()[0].takes[1]
    assert new.values["D_VOL"] == 0.7 and new.values["D_PLAYRATE"] == 0.5 and new.fx == ["EQ"]


def test_tempo_changes_inside_the_range_are_sent(session):
    session.project.content.tempo = [Tempo(0.0, 120.0), Tempo(10.0, 90.0, 3, 4)]
    session.project.mark("tempo")
    run(session, TAKE)
    points = request(session)["tempo_map"]
    assert [(p["time"], p["bpm"], p["numerator"]) for p in points] == [(0.0, 120.0, 4), (10.0, 90.0, 3)]


def test_selection_snaps_to_bars(session):
    session.select(7.9, 12.3)
    run(session, TAKE)
    assert (request(session)["start_time"], request(session)["end_time"]) == pytest.approx((8.0, 12.0))


def test_several_tracks_are_one_batch_and_one_undo_point(session):
    session.song("bass.wav", seed=1)
    session.select(8.0, 12.0)
    for track in session.project.tracks:
        track.selected = True
    points = len(session.project.undo_names)
    project = run(session, TAKE)
    assert [len(t.items[0].takes) for t in project.tracks] == [2, 2]
    assert len(project.undo_names) == points + 1


def test_razor_area_comes_before_everything_else(session):
    session.song("bass.wav", seed=1)
    session.project.tracks[1].razor = '4.0 6.0 ""'
    run(session, TAKE)
    assert [len(t.items[0].takes) for t in session.project.tracks] == [1, 2]
    assert request(session)["start_time"] == pytest.approx(4.0)


def test_stretch_markers_capture_the_track_and_place_on_a_new_one(session):
    session.project.items()[0].takes[0].stretch_markers = 2
    session.project.mark("stretch")
    session.save_tags(context_seconds="2")
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    captured = samples(request(session)["audio"])
    session.daemon.hold = False
    session.finish()
    project = session.project
    assert len(project.tracks) == 2 and "stretch markers" in session.fake.help_text
    source = samples(project.tracks[0].items[0].takes[0].source.path)
    assert len(captured) == 8 * 48000 and np.allclose(captured, source[6 * 48000 : 14 * 48000], atol=1e-6)
    item = project.tracks[1].items[0]
    assert item.start == pytest.approx(7.97) and item.takes[0].values["D_STARTOFFS"] == pytest.approx(0.0)
    assert soundfile.info(item.takes[0].source.path).frames == pytest.approx(4.06 * 48000, abs=1)
    session.check()


def test_wet_capture_renders_with_fx_and_leaves_render_settings_alone(session):
    session.save_tags(capture="wet")
    session.daemon.hold = True
    session.project.tracks[0].fx.append("Compressor")
    session.project.strings["RENDER_FILE"] = "mine"
    session.project.mark("fx")
    session.action(TAKE)
    session.wait_sent(1)
    captured = samples(request(session)["audio"])
    source = samples(session.project.items()[0].takes[0].source.path)
    assert np.allclose(captured[: 9 * 48000], source[: 9 * 48000] * 0.5, atol=1e-6)
    assert session.project.strings["RENDER_FILE"] == "mine" and session.project.tracks[0].selected
    session.daemon.hold = False
    session.finish()
    assert len(session.project.tracks) == 2 and session.project.tracks[1].fx == []
    assert list((session.home / "captures").iterdir()) == []
    session.check()


def test_generate_and_prompt_make_new_tracks(session):
    project = run(session, "Generate at time selection from tags")
    assert request(session)["duration"] == pytest.approx(4.0)
    assert project.tracks[1].items[0].start == pytest.approx(8.0)
    project = run(session, "Generate at time selection from a prompt", "calm piano")
    assert request(session)["prompt"] == "calm piano" and len(project.tracks) == 3


def test_extend_after_and_before_keep_the_old_audio_in_place(session):
    session.song("short.wav", seconds=6.0, position=10.0, seed=2)
    session.select(16.0, 18.0, track=1)
    session.project.cursor = 11.0
    session.project.tracks[1].items[0].selected = True
    project = run(session, "Extend item after to time selection")
    item = project.tracks[1].items[0]
    assert (item.start, item.end, len(item.takes)) == (10.0, 18.0, 2)
    session.song("late.wav", seconds=6.0, position=10.0, seed=3)
    session.select(8.0, 10.0, track=2)
    project.tracks[1].items[0].selected = False
    project.tracks[2].items[0].selected = True
    project = run(session, "Extend item before to time selection")
    item = project.tracks[2].items[0]
    assert (item.start, item.end) == (8.0, 16.0)
    assert item.takes[0].values["D_STARTOFFS"] == pytest.approx(-2.0)
    assert item.takes[1].values["D_STARTOFFS"] == pytest.approx(0.0)
    old, new = samples(item.takes[0].source.path), samples(item.takes[1].source.path)
    assert np.array_equal(new[2 * 48000 :], old)


def test_remix_lyrics_and_retake_make_takes(session):
    session.project.items()[0].selected = True
    run(session, "Remix selected items", "house|techno")
    assert request(session)["edit_mode"] == "remix" and request(session)["original_tags"] == "house"
    run(session, "Edit lyrics of selected take", "house|old words|new / words")
    assert request(session)["lyrics"] == "new\nwords"
    project = run(session, "Retake")
    assert request(session)["task"] == "audio-to-audio"  # the recipe of the edited take
    assert len(project.items()[0].takes) == 4


def test_retake_without_recipe_starts_from_the_sound_and_says_so(session):
    session.project.items()[0].selected = True
    run(session, "Retake")
    assert request(session)["edit_mode"] == "reference"
    assert "no recipe" in session.fake.help_text


def test_again_uses_the_recipe_and_the_original(session):
    run(session, TAKE)
    session.project.items()[0].selected = True
    run(session, "Do it again (same seed)")
    assert request(session)["seed"] == 7 and request(session)["start_time"] == pytest.approx(8.0)
    assert request(session)["audio"].endswith("drums.wav")
    run(session, "Do it again (new seed)")
    assert "seed" not in request(session)
    assert len(session.project.items()[0].takes) == 4


def test_regions_by_name(session):
    session.project.content.markers = [Marker(4.0, "ace: techno", 1, 6.0), Marker(8.0, "verse", 2, 9.0)]
    session.project.items()[0].notes = "la la"
    session.project.mark("markers")
    run(session, "Regenerate regions by name")
    assert request(session)["tags"] == "techno" and request(session)["lyrics"] == "la la"
    assert request(session)["start_time"] == pytest.approx(4.0)


def test_next_previous_compare_reject_commit(session):
    run(session, TAKE)
    item = session.project.items()[0]
    item.selected = True
    for words, active, count in [
        ("Next take", 0, 2),
        ("Previous take", 1, 2),
        ("Compare with original", 0, 2),
        ("Compare with original", 1, 2),
        ("Reject this take", 0, 1),
    ]:
        session.action(words)
        item = session.project.items()[0]
        assert (item.active, len(item.takes)) == (active, count), words
    session.fake.Undo_DoUndo2(0)
    session.project.items()[0].selected = True
    session.action("Commit this take")
    item = session.project.items()[0]
    assert len(item.takes) == 1 and item.takes[0].name.startswith("ACE-Step")
    session.check()


def test_cancel_leaves_the_project_as_it_was(session):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.action("Jobs - cancel last")
    session.until(lambda: session.daemon.jobs["job-1"]["state"] == "cancelled")
    session.finish()
    assert len(session.project.items()[0].takes) == 1
    assert sorted(p.name for p in session.folder.glob("*acestep*")) == []
    session.check()


def test_failures_are_said_without_a_dialog(session):
    session.daemon.fail = "Out of memory: 8 GB needed, 6 GB free"
    session.action(TAKE)
    session.finish()
    assert "Out of memory" in session.fake.tooltips[-1] and session.fake.dialogs == []
    session.host.tick(10, 0.01)
    log = (session.home / "reaper.log").read_text(encoding="utf-8")
    assert "Out of memory" in log and "log of job-1" in log  # the daemon's own lines are there for a support report
    session.check()


def test_nothing_selected_is_one_sentence(studio):
    studio.save_tags()
    studio.action(TAKE)
    assert "Select a time range" in studio.fake.help_text and studio.fake.dialogs == []
    studio.check()


def test_nothing_is_placed_while_recording(session):
    session.project.play_state = 5
    session.action(TAKE)
    session.until(lambda: "result" in session.daemon.seen)
    session.host.tick(10, 0.01)
    assert len(session.project.items()[0].takes) == 1
    session.project.play_state = 1
    session.finish()
    assert len(session.project.items()[0].takes) == 2
    session.check()


def test_moved_split_and_deleted_items(session):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    item = session.project.items()[0]
    item.values["D_POSITION"] = 5.0  # moved: the region is at 13 to 17 s now
    session.project.tracks[0].items.append(split(item, 15.0))
    session.project.mark("move and split")
    session.daemon.hold = False
    session.finish()
    assert [len(i.takes) for i in session.project.items()] == [2, 2]
    session.daemon.hold = True
    session.select(14.0, 15.0)
    session.action(TAKE)
    session.wait_sent(2)
    session.project.tracks[0].items.clear()
    session.project.mark("delete")
    session.daemon.hold = False
    session.fake.help_text = ""
    session.finish()
    assert len(session.project.tracks) == 2 and "is gone: placed on a new track" in session.fake.help_text
    session.check()


def test_result_waits_for_its_tab_and_survives_closing_reaper(session):
    from tests.support.reaper.fake import Project

    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.fake.projects.append(Project(f"{session.folder}/other.rpp", str(session.folder)))
    session.fake.active = 1
    session.daemon.hold = False
    session.until(lambda: "result" in session.daemon.seen)
    session.host.tick(40, 0.01)
    assert session.fake.projects[1].items() == [] and "waits" in session.fake.help_text
    session.close_reaper()
    session.open_reaper()
    session.fake.active = 0
    session.host.run(session.folder / "scripts" / "acestep_Background service.py")
    session.until(lambda: len(session.fake.projects[0].items()[0].takes) == 2)
    session.close_reaper()
    session.open_reaper()
    session.host.run(session.folder / "scripts" / "acestep_Background service.py")
    session.until(lambda: session.daemon.seen.count("list") >= 2)
    session.host.tick(20, 0.01)
    assert len(session.fake.projects[0].items()[0].takes) == 2  # not placed twice
    session.check()


def test_setup_registers_and_tells_the_daemon(session):
    session.fake.answers = [1]
    session.action("Setup")
    session.until(lambda: "answers" in session.fake.help_text)
    actions = session.daemon.controls["reaper_actions"]
    assert actions["Next take"].startswith("_RS") and len(actions) == 38
    session.check()


def test_a_surface_that_drives_reaper_sets_the_request_but_not_a_recipe(session):
    session.daemon.controls = {"tags": "techno", "seed": 99, "start_time": 1.0, "prompt": "no"}
    run(session, TAKE)
    assert request(session)["tags"] == "house, drums"  # not driven from the surface
    session.daemon.controls["reaper"] = True
    run(session, TAKE)
    made = request(session)
    assert (made["tags"], made["seed"], made["start_time"]) == ("techno", 99, 8.0)
    session.project.items()[0].selected = True
    run(session, "Do it again (same seed)")
    assert request(session)["seed"] == 7


def test_settings_refuse_what_cannot_be_used(session):
    session.fake.answers = ["|".join(["house", "", "500", "", "0.5", "10", "0.03", "1", "", "20", "dry", "yes", "yes"])]
    session.action("Settings")
    assert "expected a whole number from 1 to 200" in session.fake.help_text
    session.fake.answers = ["|".join(["techno", "", "5", "", "0.5", "10", "0.03", "2", "", "20", "dry", "no", "yes"])]
    session.action("Settings")
    run(session, TAKE)
    assert request(session)["number_of_steps"] == 5 and request(session)["tags"] == "techno"
    assert len(session.project.items()[0].takes) == 3
    session.check()


def test_support_report_and_jobs(session):
    session.action("Copy support report")
    assert "Python" in session.fake.console.pop() and (session.home / "support-report.txt").exists()
    session.fake.answers = [1]
    session.action("Jobs - show")
    assert "No job" in session.fake.dialogs[-1][1]
    session.check()


def test_a_daemon_that_dies_and_returns_loses_nothing(session):
    session.daemon.hold = True
    session.action(TAKE)
    session.wait_sent(1)
    session.daemon.stop()
    session.host.tick(5, 0.03)
    session.daemon.start()
    session.host.tick(20, 0.03)
    session.daemon.hold = False
    session.finish()
    assert len(session.project.items()[0].takes) == 2 and len(session.daemon.jobs) == 1
    session.check()


def test_no_daemon_says_what_to_do(session):
    session.daemon.stop()
    (session.home / "connection.json").unlink()
    session.action(TAKE)
    session.finish()
    assert "acestep-bridge reaper install" in session.fake.tooltips[-1] and session.fake.dialogs == []
    session.daemon.start()
    session.check()

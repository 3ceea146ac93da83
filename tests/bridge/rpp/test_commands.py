"""The `rpp` commands' options and plans: no daemon, no model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from bridge.cli.app import app
from bridge.rpp.new_project import new_project, write
from bridge.rpp.write import NewItem, NewTake, NewTrack


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["rpp", *(str(word) for word in words)])


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "lead.wav", np.zeros((48000 * 8, 2)), 48000)
    track = NewTrack("Lead", [NewItem(2, 6, NewTake(Path("lead.wav"), "lead"))])
    return write(new_project(tmp_path / "song.RPP", [track], time_selection=(3.0, 5.0)))


def test_every_task_says_its_options() -> None:
    assert "--lyrics" in run("inpaint", "--help").stdout and "--start-time" in run("inpaint", "--help").stdout
    assert "--prompt" in run("generate", "--help").stdout
    assert "[required]" not in run("retake", "--help").stdout.partition("--tags")[2].partition("--lyrics")[0]


@pytest.mark.parametrize("track", ["Lead", "lead", "1"])
def test_a_plan_names_request_and_place_and_writes_nothing(song: Path, track: str) -> None:
    before = sorted(song.parent.iterdir())
    words = ("--track", track, "--tags", "house", "--seed", 7, "--set", "variance=0.25", "--dry-run", "--json")
    done = run("inpaint", song, "-o", song.with_name("new.RPP"), *words)
    assert done.exit_code == 0, done.output
    (part,) = json.loads(done.stdout)["parts"]
    request = part["request"]
    assert (request["start_time"], request["end_time"]) == (1.0, 3.0)  # of the source: the item begins at 2 s
    assert (request["seed"], request["variance"], request["tags"]) == (7, 0.25, "house")
    assert part["place"] == "a take of its item"
    assert sorted(song.parent.iterdir()) == before


def test_a_prompt_makes_it_prompt_to_audio(song: Path) -> None:
    words = ("-o", song.with_name("new.RPP"), "--prompt", "rain", "--variations", 2, "--dry-run", "--json")
    (part,) = json.loads(run("generate", song, *words).stdout)["parts"]
    assert part["request"]["task"] == "prompt-to-audio" and part["request"]["variations"] == 2
    assert part["place"] == "an item on a new track"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inpaint", "--track", "Bass", "--tags", "x"), "1 'Lead'"),
        (("inpaint", "--track", "Lead"), "tags"),
        (("inpaint", "--track", "Lead", "--tags", "x", "--start-time", "soon"), "--start-time"),
        (("retake", "--track", "Lead"), "Give --tags"),
    ],
)
def test_bad_input_ends_with_2(song: Path, words: tuple[str, ...], said: str) -> None:
    task, *rest = words
    done = run(task, song, "-o", song.with_name("new.RPP"), *rest, "--dry-run")
    assert done.exit_code == 2
    assert said in done.output


def test_a_plan_needs_no_file_to_write(song: Path) -> None:
    before = sorted(song.parent.iterdir())
    words = ("--track", "Lead", "--tags", "x", "--dry-run", "--json")
    assert len(json.loads(run("inpaint", song, *words).stdout)["parts"]) == 1
    assert sorted(song.parent.iterdir()) == before
    done = run("inpaint", song, "--track", "Lead", "--tags", "x")
    assert done.exit_code == 2 and "-o" in done.output and "--dry-run" in done.output


def test_without_a_track_the_tracks_are_listed(song: Path) -> None:
    done = run("inpaint", song, "--tags", "x", "--dry-run")
    assert done.exit_code == 2 and "1 'Lead' (1 item)" in " ".join(done.output.split())


def test_what_the_project_says_cannot_be_set(song: Path) -> None:
    for change in ("start_time=1", "output=clip", "audio=other.wav", "tempo=99"):
        done = run("inpaint", song, "--track", "Lead", "--tags", "x", "--set", change, "--dry-run")
        assert done.exit_code == 2 and f"--set {change.partition('=')[0]}" in done.output
    done = run("inpaint", song, "--track", "Lead", "--tags", "x", "--set", "seed=3", "--dry-run", "--json")
    assert json.loads(done.stdout)["parts"][0]["request"]["seed"] == 3


def test_an_excerpt_is_told(song: Path) -> None:
    soundfile.write(song.parent / "lead.wav", np.zeros((48000 * 12, 2)), 48000)
    words = ("--track", "Lead", "--tags", "x", "--start-time", 7, "--end-time", 10, "--dry-run")
    (part,) = json.loads(run("outpaint", song, *words, "--json").stdout)["parts"]
    assert part["excerpt"] == {"start_time": 0.0, "end_time": 6.0} and part["place"] == "an item on a new track"
    assert "of the audio only 0 to 6 s are sent" in run("outpaint", song, *words).stdout


REFUSED = [
    ("plays all takes", lambda t: t.replace("ALLTAKES 0", "ALLTAKES 1"), (), "all its takes"),
    ("a format that no reader knows", lambda t: t.replace("SOURCE WAVE", "SOURCE LTC"), (), "type LTC"),
    ("no model", lambda t: t, ("--model", "no-such-model"), "no-such-model"),
    ("a folder that is not there", lambda t: t, ("-o", "nowhere/new.RPP"), "folder that exists"),
    ("a folder as output", lambda t: t, ("-o", "."), "ends in .RPP"),
    ("the project itself", lambda t: t, ("-o", "song.RPP"), "never overwritten"),
    ("a project that is there", lambda t: t, ("-o", "there.RPP"), "--force"),
    ("a long name", lambda t: t, ("-o", "n" * 252 + ".RPP"), "256 bytes"),
    ("channels that are not there", lambda t: t, ("--channels", "3,4"), "channels"),
    ("a region that is too long", lambda t: t.replace("LENGTH 6", "LENGTH 300"), ("--end-time", "290"), "240"),
    ("too short a range", lambda t: t, ("--start-time", "3", "--end-time", "3.00001"), "some length"),
    ("many words", lambda t: t, ("--lyrics", "word " * 50_000), "lyrics"),
]


@pytest.mark.parametrize(("what", "change", "words", "said"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_refused_is_refused_before_the_render_and_by_the_dry_run_too(
    song: Path, monkeypatch: pytest.MonkeyPatch, what: str, change, words: tuple[str, ...], said: str
) -> None:
    if what == "a region that is too long":
        soundfile.write(song.parent / "lead.wav", np.zeros(8000 * 300), 8000)
    monkeypatch.chdir(song.parent)
    song.write_text(change(song.read_text(encoding="utf-8")), encoding="utf-8")
    (song.parent / "there.RPP").write_text("mine", encoding="utf-8")
    before = sorted(p.name for p in song.parent.iterdir())
    monkeypatch.setattr("bridge.cli.renders.daemon_session.daemon_session", lambda: pytest.fail("a daemon was started"))
    command = ("inpaint", song, "-o", "new.RPP", "--track", "Lead", "--tags", "x", *words)
    told, done = run(*command, "--dry-run"), run(*command)
    assert told.exit_code == done.exit_code == (3 if what == "no model" else 2), (told.output, done.output)
    assert said in " ".join(done.output.split()) and told.output == done.output
    assert sorted(p.name for p in song.parent.iterdir()) == before
    assert (song.parent / "there.RPP").read_text(encoding="utf-8") == "mine"


def test_without_a_reader_an_m4a_is_refused_with_what_to_install(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = song.read_text("utf-8").replace("SOURCE WAVE", "SOURCE VIDEO").replace("lead.wav", "lead.m4a")
    song.write_text(text, "utf-8")
    song.with_name("lead.m4a").write_bytes(b"\0\0\0\x18ftypM4A \0\0\2\0isomiso2" + bytes(4000))
    monkeypatch.setattr("engine.audio.decoding.shutil.which", lambda name: None)
    monkeypatch.setattr("engine.audio.decoding.sys.platform", "linux")
    done = run("inpaint", song, "-o", song.with_name("new.RPP"), "--track", "Lead", "--tags", "x", "--dry-run")
    said = " ".join(done.output.split())
    assert done.exit_code == 2 and "lead.m4a" in said and "Install ffmpeg" in said


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("folder", ["all \"three' `marks", "line\nbreak"])
def test_a_folder_that_no_project_can_name_is_refused_first(song: Path, folder: str) -> None:
    (song.parent / folder).mkdir()
    done = run("inpaint", song, "-o", song.parent / folder / "new.RPP", "--track", 1, "--tags", "x", "--dry-run")
    assert done.exit_code == 2 and "Rename" in done.output

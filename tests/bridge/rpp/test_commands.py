"""The `rpp` commands' options and plans: no daemon, no model."""

from __future__ import annotations

import json
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

"""What is given with a render command: times, bars, tags as an argument, - as a file, nothing at all. No daemon."""

from __future__ import annotations

import io
import json
import sys

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.options import region
from bridge.cli.options.bars import bar_lines, time_of_bar
from bridge.cli.options.request_options import value_of
from bridge.cli.options.times import clock, seconds_of
from bridge.cli.renders.out_file import PIPE, Piped
from bridge.cli.terminal.step_words import why_fewer_steps
from engine.errors import InvalidRequest
from engine.grid.tempo_map import TempoPoint
from engine.requests import TASKS, Inpaint, TextToAudio, fields_of
from tests.support.cli_material import make_source
from tests.support.rpp_files import item, song


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    make_source(tmp_path / "song.wav")
    return tmp_path


def run(*words, **more):
    return CliRunner().invoke(app, [str(word) for word in words], **more)


def planned(*words):
    done = run(*words, "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("text", "seconds"), [("8.5", 8.5), ("1:08.5", 68.5), ("0:00", 0.0), ("1:02:03.25", 3723.25), ("12:30", 750.0)]
)
def test_times_are_seconds_or_minutes_and_seconds(text, seconds):
    assert seconds_of(text) == seconds
    assert seconds_of(clock(seconds)) == seconds


@pytest.mark.parametrize("text", ["1:60", "1:2:99", "1:60:00", "a:10", "1:", ":10", "1:08.5s", ""])
def test_what_is_no_time_is_refused_with_an_example(text):
    done = run("inpaint", "song.wav", "drums", "--end-time", text, "--dry-run", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["field"]) == (2, "end_time")
    assert "1:08.5" in error["expected"]


@pytest.mark.parametrize("task", TASKS)
def test_every_time_of_a_task_takes_minutes(task):
    for name, field in fields_of(TASKS[task]).items():
        if field.unit == "seconds":
            assert value_of(field, "1:08.5") == 68.5, name
            with pytest.raises(InvalidRequest, match=r"1:08\.5"):
                value_of(field, "x:y")


def test_bars_are_counted_by_tempo_meter_and_downbeat():
    four = [TempoPoint(0.5, 120.0)]
    assert [time_of_bar(four, bar) for bar in (1, 2, 9)] == [0.5, 2.5, 16.5]
    assert time_of_bar([TempoPoint(0.0, 120.0, 6, 8)], 3) == 3.0
    changing = [TempoPoint(0.0, 120.0), TempoPoint(4.0, 60.0, 3, 4), TempoPoint(10.0, 120.0, bar_phase=0.5)]
    lines = bar_lines(changing)
    assert [next(lines) for _ in range(6)] == [0.0, 2.0, 4.0, 7.0, 11.0, 13.0]
    assert time_of_bar([TempoPoint(0.0, 120.0, bar_phase=0.75)], 1) == 0.5


@pytest.mark.parametrize(
    "tempo", [["--tempo", "240"], ["--tempo-map", '[{"time": 0, "bpm": 240}]'], ["--tags", "drums, 240 bpm"]]
)
def test_a_region_in_bars(tempo):
    tags = [] if "--tags" in tempo else ["drums"]
    request = planned("inpaint", "song.wav", *tags, *tempo, "--start-bar", 2, "--end-bar", 4)["request"]
    assert (request["start_time"], request["end_time"]) == (1.0, 3.0)  # bars 2 and 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--start-bar", "2", "--end-bar", "3"], "--tempo 124"),
        (["--start-bar", "3", "--end-bar", "3", "--tempo", "120"], "behind --start-bar 3"),
        (["--start-bar", "1", "--start-time", "0", "--tempo", "120"], "one of them"),
        (["--start-bar", "0", "--tempo", "120"], "equal to 1"),
    ],
)
def test_bars_that_cannot_be(words, said):
    done = run("inpaint", "song.wav", "drums", *words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_bars_of_a_project_are_those_of_its_tempo(here):
    song(here, item(length=3, file="song.wav"))
    words = ("rpp", "inpaint", "song.RPP", "drums", "--track", 1, "--dry-run", "--json")
    bars = json.loads(run(*words, "--start-bar", 1, "--end-bar", 2).stdout)
    times = json.loads(run(*words, "--start-time", "0:00", "--end-time", "0:02").stdout)
    assert bars == times and bars["parts"][0]["request"]["tags"] == "drums"


def test_tags_are_an_argument_or_an_option_but_once():
    assert planned("text-to-audio", "drums, 120 bpm")["request"]["tags"] == "drums, 120 bpm"
    assert planned("prompt-to-audio", "a sad waltz")["request"]["prompt"] == "a sad waltz"
    twice = run("text-to-audio", "drums", "--tags", "bass")
    assert (twice.exit_code, "Leave one of them out" in twice.stderr) == (2, True)
    assert run("text-to-audio").exit_code == 2


def test_a_dry_run_says_what_would_be_and_leaves_nothing(here):
    plan = planned("inpaint", "song.wav", "drums", "--start-time", 1, "--end-time", 2, "-o", "new.flac")
    assert plan["files"] == ["new.flac"] and plan["model"]["name"] == "nano"
    assert plan["settled"]["number_of_steps"] == 27 and plan["settled"]["seed"] is None
    assert plan["result"] == {"samples": 132300, "sample_rate": 44100, "channels": 2}
    text = run("inpaint", "song.wav", "drums", "--start-time", 1, "--end-time", 2, "--dry-run").stdout
    assert "regenerated: 0:01 to 0:02" in text and "song-inpaint.wav" in text
    assert [path.name for path in here.iterdir()] == ["song.wav"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["text-to-audio", "drums", "--duration", "1e9"], 2),
        (["text-to-audio", "drums", "--model", "gpt"], 3),
        (["text-to-audio", "drums", "-o", "song.wav"], 2),
        (["inpaint", "song.wav", "drums", "--start-time", "9", "--end-time", "10"], 2),
        (["inpaint", "none.wav", "drums", "--end-time", "1"], 2),
        (["inpaint", "sha256:00", "drums", "--end-time", "1"], 2),
        (["inpaint", "data:audio/wav;base64,AAAA", "drums", "--end-time", "1"], 2),
        (["extract", "song.wav", "drums"], 2),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(words, code, here):
    done = run(*words, "--dry-run", "--json")
    assert done.exit_code == code and json.loads(done.stdout)["error"]["message"]
    assert [path.name for path in here.iterdir()] == ["song.wav"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_times_a_region_is_asked_for_on_a_terminal(monkeypatch, capsys):
    answers = iter(["0:99", "0:01", "0:00.5", "99", "0:02"])
    monkeypatch.setattr(region, "_is_terminal", lambda: True)
    monkeypatch.setattr(region.typer, "prompt", lambda *_, **__: next(answers))
    options = {"as_json": False, "dry_run": False, "start_bar": None, "end_bar": None}
    assert region.region_of("inpaint", "song.wav", options, {}) == {"start_time": "1.0", "end_time": "2.0"}
    error_text = capsys.readouterr().err
    assert "0:03 long" in error_text and error_text.count("expected") == 3


def test_without_times_and_terminal_it_is_said_what_is_made_anew():
    done = run("inpaint", "song.wav", "drums", "--dry-run")
    assert "0:00 to 0:03 of 0:03 is regenerated" in done.stderr
    assert "regenerated" not in run("inpaint", "song.wav", "drums", "--dry-run", "--end-time", "2").stderr


class Pipe(io.TextIOWrapper):
    pass


def test_a_dash_is_standard_output(here):
    stream = Pipe(io.BytesIO())
    with Piped(1, False, stream) as files:
        assert files.put(0, here / "song.wav") == PIPE
    assert stream.buffer.getvalue() == (here / "song.wav").read_bytes()


@pytest.mark.parametrize(
    ("count", "as_json", "stream"), [(2, False, Pipe(io.BytesIO())), (1, True, sys.stdout), (1, False, Terminal())]
)
def test_what_standard_output_cannot_take(count, as_json, stream):
    with pytest.raises(InvalidRequest, match="-o"):
        Piped(count, as_json, stream)


def test_fewer_steps_than_asked_for_are_explained():
    """It said "denoising 1/14" of 27 steps, and no page said why."""
    half = Inpaint(audio="x.wav", tags="x")
    assert why_fewer_steps(half, "nano", 13) == (
        "13 of 27 steps; variance 0.5 begins from the source, not from noise alone, and so leaves 14 out"
    )
    assert why_fewer_steps(half, "nano", 27) == ""
    assert why_fewer_steps(TextToAudio(tags="x", oss_steps=[1, 5]), "nano", 2) == ""

"""`play` and `compare`: what is played, how loud, by which program: a stand-in, for there is no sound here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.commands.play_commands import SILENCE_SECONDS
from bridge.demo.folder import good_first
from bridge.system import player as players
from bridge.system.platform import LINUX, MACOS, WINDOWS, Platform
from bridge.system.player import NoPlayer, find_player

RATE = 8000


def tone(path: Path, level: float, seconds: float = 2.0) -> Path:
    time = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(path, level * np.sin(2 * np.pi * 440 * time), RATE, subtype="FLOAT")
    return path


@pytest.fixture
def played(tmp_path, monkeypatch):
    """What a player on this machine would have been handed: samples, one array a file."""
    heard = []

    def run(words):
        before, after = (round(seconds * RATE) for seconds in SILENCE_SECONDS)
        samples = soundfile.read(words[-1], always_2d=True)[0][:, 0]
        assert not samples[:before].any() and not samples[-after:].any()
        heard.append(samples[before:-after])
        return 0

    found = find_player(Platform(LINUX, tmp_path), lambda name: name if name == "aplay" else None, run)
    monkeypatch.setattr(players, "find_player", lambda: found)
    return heard


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_two_files_are_heard_one_after_the_other_and_equally_loud(tmp_path, played):
    loud, quiet = tone(tmp_path / "loud.wav", 0.8), tone(tmp_path / "quiet.wav", 0.1)
    done = run("compare", loud, quiet)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == ["Playing loud.wav, 0:02 long, -18.1 dB", "Playing quiet.wav, 0:02 long"]
    first, second = (np.sqrt(np.mean(samples**2)) for samples in played)
    assert abs(20 * np.log10(first / second)) < 0.1
    assert json.loads(run("compare", loud, quiet, "--json").stdout)["gains_db"] == [-18.06, 0.0]


def test_a_part_is_played_as_it_is(tmp_path, played):
    file = tone(tmp_path / "a.wav", 0.5)
    assert run("play", file, "--start-time", "0:00.5", "--end-time", "0:01").exit_code == 0
    assert len(played[0]) == RATE // 2
    assert run("play", file, "--start-time", "1", "--end-time", "0.5").exit_code == 2
    assert run("play", file, "--start-time", "9").exit_code == 2
    assert run("play", tmp_path / "none.wav").exit_code == 2


@pytest.mark.parametrize(
    ("system", "there", "words"),
    [
        (LINUX, {"aplay", "ffplay"}, ("aplay", "-q")),
        (LINUX, {"pw-play", "aplay"}, ("pw-play",)),
        (MACOS, {"afplay"}, ("afplay",)),
        (WINDOWS, {"powershell"}, ("powershell", "-NoProfile")),
        (WINDOWS, {"ffplay"}, ("ffplay", "-nodisp")),
    ],
)
def test_each_system_plays_with_what_it_brings(system, there, words, tmp_path):
    player = find_player(Platform(system, tmp_path), lambda name: name if name in there else None, lambda _: 0)
    assert player.words[: len(words)] == words


def test_where_one_fails_the_next_plays(tmp_path):
    """pw-play and paplay are installed on machines where no sound server runs."""
    tried = []
    player = find_player(
        Platform(LINUX, tmp_path), lambda name: name, lambda words: tried.append(words[0]) or len(tried) < 3
    )
    player.play(tmp_path / "a.wav")
    assert tried == ["pw-play", "paplay", "aplay"]


def test_without_a_player_it_is_said_what_to_install(tmp_path, monkeypatch):
    with pytest.raises(NoPlayer, match="ffplay"):
        find_player(Platform(LINUX, tmp_path), lambda name: None)
    failing = find_player(Platform(LINUX, tmp_path), lambda name: name, lambda words: 1)
    monkeypatch.setattr(players, "find_player", lambda: failing)
    done = run("play", tone(tmp_path / "a.wav", 0.5, 0.1))
    assert (done.exit_code, "sound device" in done.stderr) == (1, True)


def test_the_demos_report_begins_with_what_is_good():
    bad, good, open_ = "The beat is 30 ms late.", "No click at the end: ...", "No steady beat was found on both sides."
    assert good_first([bad, open_, good]) == [good, bad]

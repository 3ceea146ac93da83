"""The `osc` command's options and what it tells people to type."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.osc_command import what_to_type
from bridge.osc.settings import DEFAULT_PORT, DEFAULT_REAPER_PORT, OscSettings, copy_into


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--allow", "tablet"], "--allow: got 'tablet'"),
        (["--surface", "192.168.1.20"], "expected HOST:PORT"),
        (["--reaper", "127.0.0.1:0"], "expected HOST:PORT"),
        (["--surface", "127.0.0.1:99999"], "expected HOST:PORT"),
    ],
)
def test_options_that_cannot_be(words, said, tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_BRIDGE_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["osc", *words])
    assert done.exit_code == 2
    assert said in done.stderr


def test_ports_avoid_what_others_use():
    assert not {DEFAULT_PORT, DEFAULT_REAPER_PORT} & {8000, 9000}


def test_what_to_type_names_address_ports_and_who_is_heard(tmp_path):
    settings = OscSettings(tmp_path, host="0.0.0.0", allowed=frozenset({"192.168.1.20"}), reaper=("127.0.0.1", 9726))
    text = "\n".join(what_to_type(settings, 9725, ["192.168.1.5"]))
    for part in ("host 192.168.1.5, send port 9725", "192.168.1.20", "9726", "--root", "9727"):
        assert part in text
    nobody = "\n".join(what_to_type(OscSettings(tmp_path, host="0.0.0.0"), 9725, ["192.168.1.5"]))
    assert "--allow IP" in nobody
    alone = "\n".join(what_to_type(OscSettings(tmp_path, roots=(tmp_path,)), 9725, ["127.0.0.1"]))
    assert "--allow" not in alone
    assert str(tmp_path) in alone


def test_copies_never_replace_a_file(tmp_path):
    source = tmp_path / "made.wav"
    source.write_bytes(b"new")
    out = tmp_path / "out"
    names = [copy_into(out, source, "song inpaint").name for _ in range(3)]
    assert names == ["song inpaint.wav", "song inpaint 2.wav", "song inpaint 3.wav"]
    assert Path(source).exists()

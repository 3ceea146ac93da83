"""A folder of audio that a link makes that of two homes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.daemon.main import main
from bridge.files.one_home import claim
from bridge.jobs import JobStore
from bridge.protocol.errors import HomeError


def test_two_homes_have_no_audio_in_common(tmp_path: Path) -> None:
    """Each daemon removed what only the other's jobs used."""
    one, other, audio = tmp_path / "one", tmp_path / "other", tmp_path / "one" / "audio"
    audio.mkdir(parents=True)
    JobStore(one / "jobs.sqlite3").close()
    other.mkdir()
    (other / "audio").symlink_to(audio)
    claim(audio, one)
    claim(audio, one)
    with pytest.raises(HomeError, match="too: each daemon would remove audio"):
        claim(other / "audio", other)
    assert main(["--home", str(other)]) == 2
    (tmp_path / "alias").symlink_to(one)
    claim(audio, tmp_path / "alias")  # the same home by another name
    one.rename(tmp_path / "moved")
    claim(tmp_path / "moved" / "audio", tmp_path / "moved")


def test_a_folder_that_another_home_has_given_up_is_taken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "audio").mkdir(parents=True)
    for mark in (str(tmp_path / "gone").encode(), b"", b"\0\xff"):
        (home / "audio" / "home.txt").write_bytes(mark)
        (home / "audio" / ".home.txt.0badcafe.part").touch()
        claim(home / "audio", home)
        assert (home / "audio" / "home.txt").read_text("utf-8") == str(home)
    assert [path.name for path in (home / "audio").iterdir()] == ["home.txt"]

"""Fixtures: a folder with a name that breaks careless path handling, scripts, fake REAPER, host, daemon."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.paths import TINY
from tests.support.reaper.host import why_no_host
from tests.support.reaper.studio import Studio, stop_daemon


@pytest.fixture
def make_studio(tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    """Makes a studio whose host runs in a mode: "sub" or "reinit"; its stand-in daemon runs, unless a home is given."""
    made: list[Studio] = []

    def make(mode: str, home: Path | None = None, python: str = "") -> Studio:
        if why_no_host(python):
            pytest.skip(why_no_host(python))
        folder = tmp_path / "björn 音"
        folder.mkdir()
        made.append(Studio(folder, mode, home or Path(), python=python))
        if home is None:
            made[-1].daemon.start()
        return made[-1]

    yield make
    for studio in made:
        if studio.daemon.serving:
            studio.daemon.stop()
        for host in studio.hosts:
            host.end()


@pytest.fixture
def studio(make_studio: Callable[..., Studio]) -> Studio:
    """A studio whose scripts run in sub-interpreters."""
    return make_studio("sub")


@pytest.fixture
def two_tracks(studio: Studio) -> Studio:
    """Two tracks with an item of 12 s each; 4 to 6 s of the first one are selected."""
    studio.save_tags(snap_to_bars="no", context_seconds="2")
    studio.song(seconds=12.0)
    studio.song("other.wav", seconds=12.0, seed=1)
    studio.select(4.0, 6.0)
    return studio


@pytest.fixture
def real_studio(make_studio):
    """A studio whose daemon is the real one, started by the script itself from install.json."""
    studio = make_studio("sub")
    studio.daemon.stop()
    (studio.home / "connection.json").unlink()
    command = [
        sys.executable,
        "-m",
        "bridge.daemon",
        "--home",
        str(studio.home),
        "--model",
        str(TINY),
        "--device",
        "cpu",
    ]
    install = {"version": 1, "daemon_command": command}
    (studio.home / "install.json").write_text(json.dumps(install), encoding="utf-8")
    yield studio
    stop_daemon(studio.home)
    studio.daemon.start()  # for the fixture's own end

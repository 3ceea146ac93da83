"""The product's folder where it cannot be: named with what to do, and put right where it can be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bridge.daemon.main import main
from bridge.protocol import home as home_module
from bridge.protocol.errors import HomeError
from bridge.protocol.home import (
    Connection,
    Endpoints,
    connection_path,
    keep_connection,
    make_home,
    read_connection,
    remove_leftovers,
    write_connection,
)

CONNECTION = Connection(endpoints=Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"), key="a" * 64)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(HomeError, match=r"is a file, expected a folder.*ACESTEP_BRIDGE_HOME"):
            make_home(home)
        assert main(["--home", str(home)]) == 2


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module.os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(HomeError, match=r"Permission denied.*ACESTEP_BRIDGE_HOME"):
        make_home(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "cut", "gone", "folder"])
def test_the_connection_file_is_put_right(tmp_path: Path, damage: str) -> None:
    path = connection_path(tmp_path)
    write_connection(tmp_path, CONNECTION)
    assert not keep_connection(tmp_path, CONNECTION)
    if damage in ("gone", "folder"):
        path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:40])
    assert keep_connection(tmp_path, CONNECTION) and read_connection(path) == CONNECTION


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".a.12345678.part", ".b.12345678.part", "c.part"))
    for path in (old, young, other):
        path.write_text("x")
    for path in (old, other):
        os.utime(path, (time.time() - 7200,) * 2)
    remove_leftovers(tmp_path, 3600)
    assert sorted(tmp_path.iterdir()) == sorted([young, other])

"""What a loss of power leaves: everything acknowledged, at every moment of a daemon's life."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import power
from tests.support.disk import can_be_built
from tests.support.disk.changes import Change, Disk


def test_a_disk_keeps_what_was_synced_under_names_that_were(tmp_path: Path) -> None:
    root = tmp_path / "root"
    disk, name = Disk(root), str(root.resolve() / "a").encode()

    def left() -> dict[str, bytes]:
        folder = tmp_path / "state"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        disk.after_loss(folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    for op, file, at, first, second, there in (
        ("open", 3, 0o100, name, b"", {}),
        ("write", 3, 0, b"hello", b"", {}),
        ("sync", 3, 0, b"", b"", {}),
        ("open", 4, 0, str(root.resolve()).encode(), b"", {}),
        ("sync", 4, 0, b"", b"", {"a": b"hello"}),
        ("write", 3, 5, b" there", b"", {"a": b"hello"}),
        ("rename", 0, 0, name, name + b"b", {"a": b"hello"}),
        ("sync", 3, 0, b"", b"", {"a": b"hello there"}),
        ("sync", 4, 0, b"", b"", {"ab": b"hello there"}),
        ("cut", 3, 2, b"", b"", {"ab": b"hello there"}),
        ("sync", 3, 0, b"", b"", {"ab": b"he"}),
    ):
        disk.take(Change(op, 1, file, at, first, second))
        assert left() == there, op


@pytest.mark.skipif(not can_be_built(), reason="noting what is written needs Linux and gcc")
def test_what_was_acknowledged_outlives_a_loss_of_power_at_any_moment(tmp_path: Path) -> None:
    recording = power.record(tmp_path, jobs=2)
    with power.in_memory() as states:
        found = power.look(recording, states, chances=0)
    assert (found.faults, len(found.acknowledged)) == ([], 3) and found.states > 10

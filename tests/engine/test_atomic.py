"""What is on the disk before it counts."""

from __future__ import annotations

import errno
import os
import types
from pathlib import Path

import pytest

from engine import atomic


@pytest.mark.parametrize(("error", "falls_back"), [(0, False), (errno.ENOTTY, True), (errno.EIO, None)])
def test_on_macos_the_drives_cache_is_emptied_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, falls_back: bool | None
) -> None:
    """macOS injected: `fcntl` has F_FULLFSYNC there. Some network disks refuse it; a disk's own error is told."""
    calls: list[tuple[object, ...]] = []

    def control(handle: int, command: int) -> None:
        calls.append(("fcntl", handle, command))
        if error:
            raise OSError(error, os.strerror(error))

    monkeypatch.setattr(atomic, "fcntl", types.SimpleNamespace(F_FULLFSYNC=51, fcntl=control))
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append(("fsync", handle)))
    with (tmp_path / "file").open("wb") as file:
        if falls_back is None:
            with pytest.raises(OSError, match="Input/output"):
                atomic.sync(file.fileno())
        else:
            atomic.sync(file.fileno())
        after = [("fsync", file.fileno())] if falls_back else []
        assert calls == [("fcntl", file.fileno(), 51), *after]


def test_whole_files_go_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, and the folder that holds its name."""
    synced: list[int] = []
    monkeypatch.setattr(atomic, "sync", lambda handle, data_only=False: synced.append(os.fstat(handle).st_ino))
    with atomic.replaced(tmp_path / "file") as temporary:
        temporary.write_bytes(b"x")
    assert synced == [(tmp_path / "file").stat().st_ino, tmp_path.stat().st_ino]

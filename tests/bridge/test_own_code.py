"""An update of the software beside a daemon that runs: what it says of itself, and of its faults from then on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.system.own_code import SOFTWARE, OwnCode, why_another


def test_files_that_are_not_those_of_the_start_are_an_update(tmp_path: Path) -> None:
    now = [0.0]
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "a.py"
    file.write_text("1")
    code = OwnCode((tmp_path,), lambda: now[0])
    (tmp_path / "notes.txt").write_text("no part of it")
    now[0] += 60.0
    assert not code.changed()
    file.write_text("22")
    assert not code.changed()  # looked at a moment ago
    now[0] += 60.0
    assert code.changed()
    file.write_text("1")
    now[0] += 60.0
    assert code.changed()  # what was imported in between was of the other one


def test_a_daemon_of_another_software_is_told(tmp_path: Path) -> None:
    """After an update that was unpacked beside the old one."""
    assert why_another(False, "") == why_another(False, str(SOFTWARE)) == ""
    assert why_another(True, str(SOFTWARE)).startswith("The software was updated")
    for other in (tmp_path, tmp_path / "gone"):
        assert f"is of the software in {other}. `acestep-bridge daemon stop`" in why_another(False, str(other))


@pytest.mark.parametrize("change", ["new", "gone", "touched"])
def test_new_and_removed_files_count_too(tmp_path: Path, change: str) -> None:
    now, file = [0.0], tmp_path / "a.py"
    file.write_text("1")
    code = OwnCode((tmp_path,), lambda: now[0])
    {"new": (tmp_path / "b.py").touch, "gone": file.unlink, "touched": lambda: os.utime(file, (1, 1))}[change]()
    now[0] += 60.0
    assert code.changed()

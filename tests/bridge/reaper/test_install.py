"""Installing into, and taking out of, resource folders of REAPER 6 and 7 on three systems."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.installing.refusal import InstallRefused
from bridge.reaper.ini_text import get_key, set_keys
from bridge.reaper.install import BACKUP_SUFFIX, RECORD, InstallOptions, install, uninstall
from bridge.reaper.install_status import status
from bridge.reaper.osc_device import OscDevice, devices, without_device
from bridge.reaper.script_files import FOLDER, actions, script_files, scripts_folder
from bridge.system.platform import LINUX, WINDOWS, Platform
from tests.support.reaper_layouts import LAYOUTS, make_platform, make_reaper, snapshot, touch


@pytest.fixture(params=LAYOUTS, ids=lambda layout: f"{layout[0]}-{layout[1]}")
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Platform, Path]:
    platform = make_platform(tmp_path, request.param[0])
    return platform, make_reaper(platform, request.param[1])


@pytest.fixture
def linux(tmp_path: Path) -> tuple[Platform, Path]:
    platform = make_platform(tmp_path, LINUX)
    return platform, make_reaper(platform, 7)


def options(platform: Platform, **more) -> InstallOptions:
    return InstallOptions(home=platform.home / ".acestep-bridge", **more)


def points(platform: Platform) -> dict[str, bool]:
    return {point.name: point.ok for point in status(options(platform), platform)}


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def test_install_puts_everything_in_place(machine: tuple[Platform, Path]) -> None:
    platform, folder = machine
    before = snapshot(folder)
    report = install(options(platform), platform)
    assert report.resource_path == folder
    for name, data in script_files(scripts_folder()).items():
        assert (folder / "Scripts" / FOLDER / name).read_bytes() == data
    ini, kb = text(folder / "reaper.ini"), text(folder / "reaper-kb.ini")
    assert get_key(ini, "reascript") == "1"
    assert Path(get_key(ini, "pythonlibpath64") or "", get_key(ini, "pythonlibdll64") or "").is_file()
    assert get_key(ini, "autosaveint") == "15"
    assert kb.endswith("\r\n" if platform.system == WINDOWS else "\n")
    for action in report.actions:
        assert kb.count(action.kb_line) == 1
    assert kb.startswith(before["reaper-kb.ini"].decode())
    for path in report.backups:
        assert path.read_bytes() == before[path.name.removesuffix(BACKUP_SUFFIX)]
    assert {p.name for p in report.backups} == {"reaper.ini" + BACKUP_SUFFIX, "reaper-kb.ini" + BACKUP_SUFFIX}
    command = json.loads(text(platform.home / ".acestep-bridge" / "install.json"))["daemon_command"]
    assert Path(command[0]).is_absolute()
    assert all(point.ok for point in status(options(platform), platform) if not point.optional)


def test_twice_changes_nothing(machine: tuple[Platform, Path]) -> None:
    platform, folder = machine
    install(options(platform, osc=OscDevice()), platform)
    after = snapshot(folder)
    report = install(options(platform, osc=OscDevice()), platform)
    assert report.changed == []
    assert snapshot(folder) == after


def test_uninstall_restores_every_byte(machine: tuple[Platform, Path]) -> None:
    platform, folder = machine
    before = snapshot(folder)
    install(options(platform, osc=OscDevice()), platform)
    uninstall(None, platform)
    assert snapshot(folder) == before
    assert not (folder / "Scripts" / "acestep-bridge").exists()
    assert uninstall(None, platform).notes == ["Nothing is installed here."]


def test_uninstall_keeps_what_reaper_wrote_since(machine: tuple[Platform, Path]) -> None:
    platform, folder = machine
    before = snapshot(folder)
    report = install(options(platform, osc=OscDevice()), platform)
    for name, extra in (("reaper.ini", "[later]\nx=1\n"), ("reaper-kb.ini", "KEY 1 70 40001 0\n")):
        path = folder / name
        path.write_bytes(path.read_bytes() + extra.encode())
    install(options(platform), platform)  # an update in between must not make the old backup count again
    uninstall(None, platform)
    ini, kb = text(folder / "reaper.ini"), text(folder / "reaper-kb.ini")
    assert "x=1" in ini and "KEY 1 70 40001 0" in kb
    assert not any(action.kb_line in kb for action in report.actions)
    for key in ("reascript", "pythonlibpath64", "pythonlibdll64"):
        assert get_key(ini, key) == get_key(before["reaper.ini"].decode("utf-8", "surrogateescape"), key)
    assert not any(line.startswith("OSC") for line in devices(ini))
    assert (folder / ("reaper.ini" + BACKUP_SUFFIX)).read_bytes() == before["reaper.ini"]


def test_a_running_reaper_is_refused(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    before = snapshot(folder)
    for name in ("reaper", "REAPER.exe", "/Applications/REAPER.app/Contents/MacOS/REAPER"):
        busy = replace(platform, processes=lambda name=name: ["init", name])
        for action in (lambda b=busy: install(options(b), b), lambda b=busy: uninstall(None, b)):
            with pytest.raises(InstallRefused, match="Quit REAPER"):
                action()
    assert snapshot(folder) == before
    assert not points(busy)["REAPER"]


def test_programs_with_a_similar_name_do_not_count(linux: tuple[Platform, Path]) -> None:
    platform, _ = linux
    assert install(options(platform), replace(platform, processes=lambda: ["grim-reaper", "reaperd"])).changed


def test_a_portable_install_by_its_folder(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, WINDOWS)
    portable = tmp_path / "REAPER (portable) björn 音"
    touch(portable / "reaper.ini", b"[REAPER]\r\n")
    report = install(options(platform, resource_path=portable), platform)
    assert report.resource_path == portable
    assert not (portable / ("reaper-kb.ini" + BACKUP_SUFFIX)).exists()
    uninstall(portable, platform)
    assert snapshot(portable) == {"reaper.ini": b"[REAPER]\r\n"}


def refused_without_trace(platform: Platform, folder: Path, message: str) -> None:
    before = snapshot(folder)
    with pytest.raises(InstallRefused, match=message):
        install(options(platform), platform)
    assert snapshot(folder) == before
    assert not (platform.home / ".acestep-bridge").exists()


def make_read_only(path: Path) -> None:
    path.chmod(0o555 if path.is_dir() else 0o444)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_file(path: Path) -> None:
    for child in path.iterdir():
        child.unlink()
    path.rmdir()
    path.touch()


@pytest.mark.parametrize(
    ("place", "damage", "message"),
    [
        ("reaper.ini", make_read_only, "read-only"),
        ("reaper-kb.ini", make_read_only, "read-only"),
        ("Scripts", make_read_only, "read-only"),
        (".", make_read_only, "read-only"),
        ("Scripts", replace_by_file, "where a folder should be"),
        ("reaper-kb.ini", replace_by_folder, "while reading"),
        ("reaper.ini", os.unlink, "without reaper.ini"),
        ("reaper.ini", replace_by_folder, "without reaper.ini"),
    ],
)
def test_broken_and_read_only_folders(
    linux: tuple[Platform, Path], place: str, damage: Callable[[Path], None], message: str
) -> None:
    platform, folder = linux
    damage(folder / place)
    try:
        refused_without_trace(platform, folder, message)
    finally:
        if (folder / place).exists():
            (folder / place).chmod(0o755)


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """The system writes no file beyond 256 kB, as if the disk were full there."""
    resource = pytest.importorskip("resource", reason="limits on files are POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_failure_in_the_middle_takes_everything_back(linux: tuple[Platform, Path], request) -> None:
    platform, folder = linux
    scripts = platform.home / "scripts"
    for name in ("a_First.py", "acestep_reaper/x.py"):
        touch(scripts / name, b"pass\n")
    touch(scripts / "z_Large.py", b"#" * (1 << 19))
    before = snapshot(folder)
    request.getfixturevalue("small_files_only")
    with pytest.raises(InstallRefused, match="Nothing was changed"):
        install(options(platform, scripts=scripts), platform)
    assert snapshot(folder) == before
    assert not (folder / "Scripts" / "acestep-bridge").exists()


def test_no_folder_at_all(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, LINUX)
    with pytest.raises(InstallRefused, match="Start REAPER once"):
        install(options(platform), platform)
    assert points(platform) == {"resource folder": False}


def test_no_python_that_reaper_can_load(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    (platform.root / "usr/lib/x86_64-linux-gnu/libpython3.12.so.1.0").unlink()
    touch(platform.home / ".pyenv/versions/3.11.4/bin/python")
    refused_without_trace(platform, folder, "static pyenv")
    assert not points(platform)["Python"]


def test_a_python_that_the_user_chose_stays(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    library = touch(platform.home / "own" / "libpython3.9.so.1.0")
    ini = folder / "reaper.ini"
    values = {"pythonlibpath64": str(library.parent), "pythonlibdll64": library.name}
    ini.write_text(set_keys(text(ini), values), encoding="utf-8")
    install(options(platform), platform)
    assert get_key(text(ini), "pythonlibdll64") == library.name


def test_an_update_removes_scripts_that_are_gone(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    scripts = platform.home / "scripts"
    for name in ("a_One.py", "a_Two.py", "acestep_reaper/x.py"):
        touch(scripts / name, name.encode())
    install(options(platform, scripts=scripts), platform)
    (scripts / "a_Two.py").unlink()
    touch(scripts / "a_One.py", b"new")
    report = install(options(platform, scripts=scripts), platform)
    assert [action.name for action in report.actions] == ["One"]
    assert not (folder / "Scripts" / FOLDER / "a_Two.py").exists()
    assert "a_Two" not in text(folder / "reaper-kb.ini")
    assert report.backups == []


def test_a_script_that_the_user_changed_is_backed_up_and_left_at_uninstall(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    install(options(platform), platform)
    changed = folder / "Scripts" / FOLDER / actions(list(script_files(scripts_folder())))[0].file_name
    changed.write_bytes(b"mine")
    assert not points(platform)["scripts"]
    install(options(platform), platform)
    assert (changed.parent / (changed.name + BACKUP_SUFFIX)).read_bytes() == b"mine"
    changed.write_bytes(b"mine again")
    report = uninstall(None, platform)
    assert changed.read_bytes() == b"mine again"
    assert any("you changed it" in note for note in report.notes)


def test_a_damaged_record_is_named(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    touch(folder / RECORD, b"{")
    refused_without_trace(platform, folder, RECORD)


def test_status_before_installing_names_the_command(linux: tuple[Platform, Path]) -> None:
    platform, _ = linux
    open_points = [point for point in status(options(platform), platform) if not point.ok and not point.optional]
    assert {point.name for point in open_points} == {"scripts", "actions", "ReaScript", "Python", "daemon command"}
    assert all("acestep-bridge reaper install" in point.remedy for point in open_points)


def rewritten(kb: str) -> str:
    """What REAPER makes of our lines: quotes where a word needs them, 256 or 512 added for remembered answers."""
    lines = []
    for number, line in enumerate(kb.split("\n")):
        if line.startswith("SCR 4 0 RS") and "ACE-Step" in line:
            head, _, path = line.rstrip("\r").rstrip('"').rpartition(' "')
            flags = (4, 260, 516)[number % 3]
            line = head.replace("SCR 4", f"SCR {flags}") + (f' "{path}"' if " " in path else f" {path}")
        lines.append(line)
    return "\n".join(lines)


def test_lines_that_reaper_wrote_anew_are_ours(machine: tuple[Platform, Path]) -> None:
    platform, folder = machine
    before = text(folder / "reaper-kb.ini")
    report = install(options(platform), platform)
    kb = rewritten(text(folder / "reaper-kb.ini"))
    (folder / "reaper-kb.ini").write_bytes(kb.encode())
    assert kb.count("SCR 516") > 2 and kb.count('.py"\n') < len(report.actions)
    assert points(platform)["actions"]
    install(options(platform), platform)
    assert text(folder / "reaper-kb.ini") == kb  # nothing twice, the answers kept
    assert all(kb.count(action.command_id.removeprefix("_")) == 1 for action in report.actions)
    uninstall(None, platform)
    assert text(folder / "reaper-kb.ini").split() == before.split()


def test_actions_that_reapack_or_setup_registered_count(linux: tuple[Platform, Path]) -> None:
    """They have ids of their own."""
    platform, folder = linux
    install(options(platform), platform)
    lines = [line.replace(" RS", " RSff", 1) for line in text(folder / "reaper-kb.ini").split("\n")]
    (folder / "reaper-kb.ini").write_text("\n".join(lines), encoding="utf-8")
    assert {p.name: p.ok for p in status(options(platform), platform)}["actions"]
    (folder / "reaper-kb.ini").write_text("\n".join(lines).replace("_Retake.py", "_R.py"), encoding="utf-8")
    (point,) = [p for p in status(options(platform), platform) if p.name == "actions"]
    assert point.text == "not in the action list: Retake"


def test_osc_devices_of_others_keep_their_order(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    install(options(platform, osc=OscDevice()), platform)
    ini = text(folder / "reaper.ini")
    assert devices(ini) == ["MCU 0 0 -1 -1", 'OSC "acestep-bridge" 7 8000 "127.0.0.1" 9000 1024 10 ""']
    later = set_keys(ini, {"csurf_cnt": "3", "csurf_2": "HUI 0 0"})
    assert devices(without_device(later, "acestep-bridge")) == ["MCU 0 0 -1 -1", "HUI 0 0"]
    assert get_key(without_device(later, "acestep-bridge"), "csurf_2") is None


def test_command_ids_are_forty_hex_digits_and_stay() -> None:
    names = ["acestep_Regenerate time selection as new take.py", "acestep_reaper/x.py"]
    (action,) = actions(names)
    assert action.command_id == "_RS" + action.kb_line.split()[3].removeprefix("RS")
    assert len(action.command_id) == 43
    assert actions(names, "\\")[0].command_id == action.command_id
    assert '"acestep-bridge\\ACE-Step\\acestep_Regenerate' in actions(names, "\\")[0].kb_line

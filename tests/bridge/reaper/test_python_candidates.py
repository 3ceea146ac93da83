"""Which Pythons are offered to REAPER, in which order, and why others are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.reaper.action_list import command_ids, with_actions, without_ids
from bridge.reaper.ini_text import get_key, set_keys
from bridge.reaper.python_candidates import candidates, macho_architectures
from bridge.reaper.resources import default_resource_path
from bridge.system.platform import LINUX, MACOS, WINDOWS, Platform, RegisteredPython, here
from tests.support.reaper_layouts import macho, make_platform, touch

ARM, INTEL = 0x0100000C, 0x01000007


def test_windows_takes_the_users_own_before_the_machines(tmp_path: Path) -> None:
    entries = []
    for hive, version in (("HKLM", "3.13"), ("HKCU", "3.9"), ("HKCU", "3.12")):
        folder = tmp_path / f"{hive}{version}"
        touch(folder / f"python{version.replace('.', '')}.dll")
        entries.append(RegisteredPython(hive, version, str(folder)))
    platform = replace(make_platform(tmp_path, WINDOWS), registry=lambda: entries)
    assert [c.version for c in candidates(platform)] == [(3, 12), (3, 9), (3, 13)]
    assert candidates(platform)[0].library == "python312.dll"


@pytest.mark.parametrize(
    ("version", "folder", "files", "reason"),
    [
        ("3.12", r"C:/Program Files/WindowsApps/Python.3.12", [], "Microsoft Store"),
        ("3.12-32", "py32", ["python312.dll"], "32 bit"),
        ("3.12-arm64", "arm", ["python312.dll"], "for ARM"),
        ("3.12", "conda", ["python312.dll", "conda-meta/history"], "conda"),
        ("3.12", "nothing", [], "not in its folder"),
        ("3.7", "old", ["python37.dll"], "older than 3.8"),
    ],
)
def test_windows_refusals(tmp_path: Path, version: str, folder: str, files: list[str], reason: str) -> None:
    for name in files:
        touch(tmp_path / folder / name)
    entry = RegisteredPython("HKCU", version, str(tmp_path / folder))
    (found,) = candidates(replace(make_platform(tmp_path, WINDOWS), registry=lambda: [entry]))
    assert reason in found.refusal


def test_macos_wants_reapers_processor(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, MACOS)
    brew = "usr/local/opt/python@3.11/Frameworks/Python.framework/Versions/3.11/lib/libpython3.11.dylib"
    touch(tmp_path / brew, b"\xcf\xfa\xed\xfe" + INTEL.to_bytes(4, "little"))
    usable, refused = candidates(platform)
    assert (usable.origin, usable.version, usable.refusal) == ("python.org", (3, 12), "")
    assert refused.origin == "Homebrew" and "x86_64: REAPER is arm64" in refused.refusal
    intel = candidates(replace(platform, machine="x86_64"))
    assert [c.refusal for c in intel] == ["", ""]


def test_an_intel_reaper_on_apple_silicon_wants_an_intel_python(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, MACOS)
    lib = tmp_path / "Library/Frameworks/Python.framework/Versions/3.12/lib/libpython3.12.dylib"
    for app, python, reason in (
        ((INTEL,), (INTEL, ARM), ""),
        ((INTEL,), (ARM,), "for arm64: REAPER is x86_64"),
        ((INTEL, ARM), (ARM,), ""),
    ):
        touch(tmp_path / "Applications/REAPER.app/Contents/MacOS/REAPER", macho(*app))
        touch(lib, macho(*python))
        assert [c.refusal for c in candidates(platform)] == [reason]


def test_linux_refuses_standalone_static_and_conda_builds(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, LINUX)
    touch(platform.home / ".local/share/uv/python/cpython-3.12/lib/libpython3.12.so.1.0")
    touch(platform.home / ".pyenv/versions/3.11.4/lib/libpython3.11.a")
    touch(platform.home / ".pyenv/versions/3.10.1/lib/libpython3.10.so.1.0")
    touch(platform.home / "miniconda3/lib/libpython3.12.so.1.0")
    found = candidates(platform)
    assert [(c.origin, bool(c.refusal)) for c in found] == [
        ("system", False),
        ("pyenv", False),
        ("uv", True),
        ("pyenv", True),
        ("conda", True),
    ]


def test_one_library_under_two_names_is_offered_once(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, LINUX)
    link = tmp_path / "usr/lib/libpython3.12.so.1.0"
    link.symlink_to("x86_64-linux-gnu/libpython3.12.so.1.0")
    assert len(candidates(platform)) == 1


def test_macho_heads(tmp_path: Path) -> None:
    assert macho_architectures(touch(tmp_path / "a", macho(INTEL, ARM))) == ["x86_64", "arm64"]
    assert macho_architectures(touch(tmp_path / "b", b"\x7fELF" + bytes(60))) == []
    assert macho_architectures(tmp_path / "missing") == []


def test_resource_folders_of_the_three_systems(tmp_path: Path) -> None:
    home = tmp_path
    assert default_resource_path(Platform(WINDOWS, home, {"APPDATA": str(home / "R")})) == home / "R" / "REAPER"
    assert default_resource_path(Platform(WINDOWS, home)) == home / "AppData" / "Roaming" / "REAPER"
    assert default_resource_path(Platform(MACOS, home)) == home / "Library" / "Application Support" / "REAPER"
    assert default_resource_path(Platform(LINUX, home)) == home / ".config" / "REAPER"
    assert default_resource_path(Platform(LINUX, home, {"XDG_CONFIG_HOME": "/c"})) == Path("/c/REAPER")


def test_this_machine_lists_its_programs() -> None:
    names = here().processes()
    assert names is None or any("python" in name.lower() or "pytest" in name.lower() for name in names)


INI = st.lists(
    st.sampled_from(
        ["[reaper]", "[REAPER]", "[other]", "reascript=0", "ReaScript=1", "x=[1]", "", "; a", "k\x0b=\udce9"]
    ),
    max_size=8,
)


@given(lines=INI, crlf=st.booleans(), last=st.booleans())
def test_setting_a_key_changes_only_its_line(lines: list[str], crlf: bool, last: bool) -> None:
    newline = "\r\n" if crlf else "\n"
    text = newline.join(lines) + newline * last
    done = set_keys(text, {"reascript": "1"})
    assert get_key(done, "reascript") == "1"
    assert set_keys(done, {"reascript": "1"}) == done
    keep = [line for line in lines if line and line.lower() not in ("reascript=0", "reascript=1", "[reaper]")]
    assert [line for line in done.replace("\r\n", "\n").split("\n") if line in keep] == keep


OURS = ['SCR 4 0 RSa1 "Custom: x.py" "acestep-bridge/ACE-Step/x.py"', 'SCR 4 0 RSb2 "Custom: y.py" "a/y.py"']
OTHERS = ["KEY 1 82 _RSa1 0", 'SCR 4 0 RSc3 "Custom: x.py" x.py', "", "ACT x", "SCR", "SCR 4 0"]


@given(lines=st.lists(st.sampled_from(OTHERS), max_size=6), last=st.booleans())
def test_added_actions_can_be_removed(lines: list[str], last: bool) -> None:
    text = "\n".join(lines) + "\n" * last
    done = with_actions(text, OURS)
    assert done.endswith("\n")
    assert with_actions(done, OURS) == done
    assert without_ids(done, command_ids(OURS)) in (text, text + "\n")


def test_actions_are_known_by_their_ids_whatever_reaper_made_of_the_line() -> None:
    written = (
        "SCR 260 0 RSa1 \"Custom: x.py\" acestep-bridge/ACE-Step/x.py\r\nSCR 516 0 RSb2 'Custom: y.py' a\\y.py\r\n"
    )
    assert with_actions(written, OURS, OURS) == written  # with the user's answers
    assert with_actions(written + written, OURS, OURS) == written
    assert without_ids(written, command_ids(OURS)) == ""
    assert with_actions(written, OURS[:1], OURS) == written.splitlines(keepends=True)[0]
    elsewhere = written.replace("a\\y.py", "a\\z.py").replace("y.py", "z.py")
    assert with_actions(elsewhere, OURS).count("RSb2") == 1 and "y.py" in with_actions(elsewhere, OURS)

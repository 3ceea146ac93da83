"""Installing into, and taking out of, Ardour's configuration folders on three systems."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ardour import lua_text
from bridge.ardour.config_folders import config_folder
from bridge.ardour.installation import ArdourOptions, install, lua_folder, status, uninstall
from bridge.ardour.ui_scripts import slots_of
from bridge.installing.refusal import InstallRefused
from bridge.system.platform import LINUX, MACOS, WINDOWS, Platform
from tests.support.reaper_layouts import snapshot

OTHERS = (
    b'scripts = {} scripts[2] = {} scripts[2]["n"] = "Mine" scripts[2]["f"] = "\\27Lua\\0001" scripts[2]["a"] = {} '
)
OTHER_HOOK = '<LuaCallback lua="Lua 5.3" id="77" name="Scope" signals="01">cyA9IHt9</LuaCallback>'
UI_SCRIPTS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<UIScripts><ActionScript lua="Lua 5.3">'
    f"{base64.b64encode(OTHERS).decode()}</ActionScript><ActionHooks>{OTHER_HOOK}</ActionHooks></UIScripts>\n"
)
ACTIONS = 8


@pytest.fixture(params=[(system, version) for system in (WINDOWS, MACOS, LINUX) for version in (7, 8, 9)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Platform, Path]:
    """A machine with one Ardour, in whose list another's action and hook stand."""
    system, version = request.param
    return make(tmp_path, system, version)


def make(tmp_path: Path, system: str, version: int) -> tuple[Platform, Path]:
    platform = Platform(system, tmp_path / "home", processes=list)
    folder = config_folder(platform, version)
    folder.mkdir(parents=True)
    (folder / "ui_scripts").write_bytes(UI_SCRIPTS.encode())
    return platform, folder


@pytest.fixture
def linux(tmp_path: Path) -> tuple[Platform, Path]:
    return make(tmp_path, LINUX, 7)


def options(platform: Platform) -> ArdourOptions:
    return ArdourOptions(home=platform.home / ".acestep-bridge")


def test_install_and_uninstall_on_every_system(machine: tuple[Platform, Path]) -> None:
    """Ours is there, another's stays, a second time changes nothing, and uninstall leaves what was there."""
    platform, folder = machine
    before = snapshot(folder)
    (report,) = install(options(platform), platform)
    assert report.folder == folder and len(report.slots) == ACTIONS
    assert [slot.number for slot in report.slots] == [1, *range(3, ACTIONS + 2)]  # 2 is another's
    assert all(point.ok for point in status(options(platform), platform))
    assert install(options(platform), platform)[0].changed == []
    text = (folder / "ui_scripts").read_text()
    assert 'name="Scope"' in text
    assert read_actions(folder)[2][b"f"] == b"\x1bLua\x001"
    uninstall(options(platform), platform)
    assert set(snapshot(folder)) == set(before)
    assert read_actions(folder).keys() == {2}
    assert slots_of((folder / "ui_scripts").read_bytes()) == ([], False)


def read_actions(folder: Path) -> dict:
    coded = re.search(r"<ActionScript[^>]*>([^<]*)<", (folder / "ui_scripts").read_text()).group(1)
    return lua_text.read(base64.b64decode(coded))[b"scripts"]


def test_an_update_keeps_the_slots(linux: tuple[Platform, Path]) -> None:
    """Key bindings mean numbers: an action stays where it is when others come and go."""
    platform, folder = linux
    before = install(options(platform), platform)[0].slots
    text = (folder / "ui_scripts").read_bytes().replace(b"\n", b" ")
    (folder / "ui_scripts").write_bytes(text)  # as Ardour writes it
    (folder / "scripts" / "acestep_cancel.lua").write_text("changed by hand")
    assert [point.ok for point in status(options(platform), platform)] == [True, False, True]
    assert install(options(platform), platform)[0].slots == before


def test_the_hook_hears_the_timer(linux: tuple[Platform, Path]) -> None:
    """Bit n from the right is signal n of `luasignal_syms.h`: 48 and 49 are the timers of Ardour 7."""
    platform, folder = linux
    install(options(platform), platform)
    signals = re.search(r'name="ACE-Step: Background" signals="([01]+)"', (folder / "ui_scripts").read_text()).group(1)
    assert [place for place, bit in enumerate(reversed(signals)) if bit == "1"] == [48, 49]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "ui_scripts").write_bytes(b"<UIScripts>"), "ui_scripts: got"),
        (lambda folder: (folder / "ui_scripts").write_bytes(b"<Other/>"), "got <Other>"),
        (lambda folder: shutil.rmtree(folder), "Start Ardour once"),
    ],
)
def test_what_is_not_ardours_is_refused_untouched(linux: tuple[Platform, Path], spoil, message: str) -> None:
    platform, folder = linux
    spoil(folder)
    before = snapshot(platform.home)
    with pytest.raises(InstallRefused, match=message):
        install(options(platform), platform)
    assert snapshot(platform.home) == before


def test_a_running_ardour_is_refused(linux: tuple[Platform, Path]) -> None:
    platform, folder = linux
    before = snapshot(folder)
    for name in ("ardour-7.3.0~ds", "Ardour9.exe"):
        with pytest.raises(InstallRefused, match="Quit Ardour"):
            install(options(platform), replace(platform, processes=lambda: ["bash", name]))  # noqa: B023
    assert snapshot(folder) == before


LUA_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.binary(max_size=12),
    lambda inner: st.dictionaries(st.integers(1, 40) | st.binary(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40)
@given(value=LUA_VALUES)
def test_lua_text_comes_back(value) -> None:
    assert lua_text.read(lua_text.write(b"scripts", value)) == {b"scripts": value}


def test_lua_reads_what_we_write() -> None:
    """Lua itself, on every byte there is."""
    lua = shutil.which("lua5.4") or shutil.which("lua")
    if lua is None:
        pytest.skip("no lua here")
    program = lua_text.write(b"s", {b"n": bytes(range(256)), 3: True})
    check = program + b' io.write (#s["n"], " ", s["n"]:byte (1), " ", s["n"]:byte (256), " ", tostring (s[3]))'
    shown = subprocess.run([lua, "-"], input=check, capture_output=True, check=True).stdout
    assert shown == b"256 0 255 true"


def test_every_script_is_lua() -> None:
    compiler = next((found for name in ("luac", "luac5.4", "luac5.3") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("no luac here")
    paths = [str(path) for path in lua_folder().rglob("*.lua")]
    assert len(paths) == ACTIONS + 1 + 5
    for path in paths:  # one at a time: Debian's luac 5.4.4 aborts on several
        subprocess.run([compiler, "-p", path], check=True)


def test_scripts_are_ascii_and_have_a_head() -> None:
    for path in lua_folder().rglob("*.lua"):
        text = path.read_bytes()
        assert text.isascii(), path
        if path.parent == lua_folder():
            assert b'name = "ACE-Step: ' in text and b'license = "GPL-3.0-or-later"' in text

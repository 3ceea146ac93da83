"""Toolbar icons, the toolbar and the track template: drawn, installed, taken out again."""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import rpp

from bridge.reaper import toolbar_icons
from bridge.reaper.extras import BUTTONS, ICONS, TOOLBAR, extra_files, toolbar
from bridge.reaper.install import InstallOptions, install, uninstall
from bridge.reaper.install_status import status
from bridge.reaper.script_files import actions, script_files, scripts_folder
from bridge.system.platform import LINUX, WINDOWS
from tests.support.reaper_layouts import make_platform, make_reaper


def pixels(data: bytes) -> np.ndarray:
    return np.rint(matplotlib.image.imread(io.BytesIO(data), format="png") * 255).astype(int)


def test_the_icons_are_what_the_command_draws_in_reapers_layout() -> None:
    drawn = toolbar_icons.files()
    there = {p.relative_to(toolbar_icons.FOLDER).as_posix(): p for p in toolbar_icons.FOLDER.glob("**/*.png")}
    assert set(there) == set(drawn)
    for name, path in there.items():
        image = pixels(path.read_bytes())
        assert np.array_equal(image, pixels(drawn[name])), f"{name}: python -m bridge.reaper.toolbar_icons"
        cell = {"150": 45, "200": 60}.get(name.rpartition("/")[0], 30)
        assert image.shape == (cell, 3 * cell, 4)
        assert not np.array_equal(image[:, :cell], image[:, cell : 2 * cell])  # a mouse over it shows
        assert image[0, 0, 3] == 0 and image[cell // 2, cell // 2, 3] == 255


def test_every_button_has_an_icon_and_an_action() -> None:
    names = {action.name for action in actions(list(script_files(scripts_folder())))}
    for name, icon in BUTTONS:
        assert not name or (name in names and f"acestep_{icon}.png" in toolbar_icons.files())


def test_the_toolbar_names_the_ids_of_this_installation() -> None:
    found = actions(list(script_files(scripts_folder())))
    text = toolbar(found)
    assert text.startswith("[Floating toolbar 16]\ntitle=ACE-Step\n")
    items = dict(re.findall(r"^item_\d+=(\S+) ACE-Step: (.+)$", text, re.M))
    assert items == {a.command_id: a.name for a in found if a.name in dict(BUTTONS)}
    numbers = [int(n) for n in re.findall(r"^item_(\d+)=", text, re.M)]
    assert numbers == list(range(len(BUTTONS)))


def test_the_track_template_is_one_track_with_fixed_lanes() -> None:
    (path,) = (scripts_folder() / "track_templates").glob("*.RTrackTemplate")
    track = rpp.loads(path.read_text("ascii"))
    assert track.tag == "TRACK"
    assert track.find("FREEMODE")[1] == "2" and track.find("ITEMLANES")[1] == "1"
    assert int(track.find("PEAKCOL")[1]) == 0x1000000 | 214 << 16 | 160 << 8 | 98


@pytest.mark.parametrize("system", [LINUX, WINDOWS])
def test_installed_named_and_taken_out_again(tmp_path: Path, system: str) -> None:
    platform = make_platform(tmp_path, system)
    folder = make_reaper(platform, 7)
    options = InstallOptions(home=platform.home / ".acestep-bridge")
    folders = {p for p in folder.rglob("*") if p.is_dir()}
    report = install(options, platform)
    wanted = extra_files(scripts_folder(), report.actions)
    assert {n.partition("/")[0] for n in wanted} == {"Data", "MenuSets", "TrackTemplates"} and len(wanted) > 30
    assert {name: (folder / name).read_bytes() for name in wanted} == wanted
    (point,) = (p for p in status(options, platform) if p.name == "toolbar and template")
    assert point.ok and ICONS in point.text
    (folder / TOOLBAR).write_text("changed")
    (point,) = (p for p in status(options, platform) if p.name == "toolbar and template")
    assert not point.ok and point.optional and TOOLBAR in point.text
    (folder / TOOLBAR).write_bytes(wanted[TOOLBAR])
    uninstall(None, platform)
    left = {p for p in folder.rglob("*") if p.is_dir()}
    assert left - folders == {p for p in left - folders if p.name == "Scripts"}
    assert not any((folder / name).exists() for name in wanted)


def test_a_folder_of_the_users_stays(tmp_path: Path) -> None:
    platform = make_platform(tmp_path, LINUX)
    folder = make_reaper(platform, 7)
    mine = folder / ICONS / "mine.png"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_bytes(b"x")
    (folder / "TrackTemplates").mkdir(exist_ok=True)
    install(InstallOptions(home=platform.home / ".acestep-bridge"), platform)
    uninstall(None, platform)
    assert mine.read_bytes() == b"x" and (folder / "TrackTemplates").is_dir()
    assert [p.name for p in (folder / ICONS).iterdir()] == ["mine.png"]

"""Install our scripts into Ardour's configuration, take them out again, say how things stand.

Everything happens or nothing; `ui_scripts` gets a backup the first time; doing it twice changes nothing. Ardour must be
closed: it rewrites that file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.ardour.config_folders import ardour_is_running, find_config_folders, version_of
from bridge.ardour.lua_text import quoted
from bridge.ardour.spool import FOLDER as SPOOL
from bridge.ardour.ui_scripts import Slot, slots_of, with_scripts, without_scripts
from bridge.installing.changes import Change, carry_out, read_or_none
from bridge.installing.point import Point
from bridge.installing.refusal import InstallRefused
from bridge.protocol.home import home_folder, make_home, write_install
from bridge.system.platform import Platform, here

UI_SCRIPTS = "ui_scripts"
LIBRARY = "acestep_bridge"
HOOK = "acestep_background.lua"
BACKUP = UI_SCRIPTS + ".before-acestep-bridge"
INSTALLED = f"{LIBRARY}/installed.lua"


def lua_folder() -> Path:
    """Where the Lua scripts lie in this installation."""
    return Path(__file__).resolve().parents[2] / "ardour_scripts"


@dataclass(frozen=True)
class ArdourOptions:
    """What to install where. `config_folder` None is each that Ardour has."""

    config_folder: str | os.PathLike[str] | None = None
    scripts: Path = field(default_factory=lua_folder)
    home: Path = field(default_factory=home_folder)


@dataclass(frozen=True)
class ArdourReport:
    """What was done in one configuration folder."""

    folder: Path
    changed: list[Path]
    slots: list[Slot]


def install(options: ArdourOptions | None = None, platform: Platform | None = None) -> list[ArdourReport]:
    """Install or update. Raises InstallRefused with the remedy; then nothing was changed."""
    options, platform = options or ArdourOptions(), platform or here()
    folders = _ready(platform, options)
    files = _lua_files(options.scripts)
    plans = [_plan(folder, files, options) for folder in folders]
    changed = carry_out([change for changes, _ in plans for change in changes], "config_folder")
    make_home(make_home(options.home) / SPOOL)
    write_install(options.home)
    return [
        ArdourReport(folder, [path for path in changed if folder in path.parents], slots)
        for folder, (_, slots) in zip(folders, plans, strict=True)
    ]


def uninstall(options: ArdourOptions | None = None, platform: Platform | None = None) -> list[ArdourReport]:
    """Take everything out again; what others have in the same files stays."""
    options, platform = options or ArdourOptions(), platform or here()
    folders = _ready(platform, options)
    changed = carry_out([change for folder in folders for change in _removal(folder)], "config_folder")
    for folder in folders:
        for name in (LIBRARY, "scripts"):
            if (folder / name).is_dir() and not any((folder / name).iterdir()):
                (folder / name).rmdir()
    return [ArdourReport(folder, [path for path in changed if folder in path.parents], []) for folder in folders]


def status(options: ArdourOptions | None = None, platform: Platform | None = None) -> list[Point]:
    """Each point, by folder. Changes nothing. Raises InstallRefused where Ardour has no folder."""
    options, platform = options or ArdourOptions(), platform or here()
    files = _lua_files(options.scripts)
    points = []
    for folder in find_config_folders(platform, options.config_folder):
        points += [_folder_point(folder), _files_point(folder, files, options), _slots_point(folder, files)]
    return points


def _ready(platform: Platform, options: ArdourOptions) -> list[Path]:
    folders = find_config_folders(platform, options.config_folder)
    if ardour_is_running(platform):
        remedy = "Quit Ardour, then run this again: it rewrites its list of scripts."
        raise InstallRefused("ardour", "a running Ardour", "a closed one", remedy)
    return folders


def _lua_files(scripts: Path) -> dict[str, bytes]:
    """Name in the configuration folder to bytes: entry scripts and their library."""
    entries = {f"scripts/{path.name}": path.read_bytes() for path in sorted(scripts.glob("*.lua"))}
    if not entries:
        remedy = "Install acestep-bridge again: its ardour_scripts folder is missing."
        raise InstallRefused("scripts", f"no scripts in {scripts}", "the scripts for Ardour", remedy)
    library = {f"{LIBRARY}/{path.name}": path.read_bytes() for path in sorted((scripts / LIBRARY).glob("*.lua"))}
    return entries | library


def _entry_scripts(files: Mapping[str, bytes]) -> list[bytes]:
    return [data for name, data in files.items() if name.startswith("scripts/") and not name.endswith(HOOK)]


def _plan(folder: Path, files: Mapping[str, bytes], options: ArdourOptions) -> tuple[list[Change], list[Slot]]:
    old = read_or_none(folder / UI_SCRIPTS)
    hook = files[f"scripts/{HOOK}"]
    new, slots = with_scripts(old, _entry_scripts(files), hook, version_of(folder))
    wanted = {**files, INSTALLED: _installed(options), UI_SCRIPTS: new}
    changes = [Change(folder / name, data) for name, data in wanted.items()]
    if old is not None and not slots_of(old)[0] and not (folder / BACKUP).exists():
        changes.insert(0, Change(folder / BACKUP, old))
    return changes, slots


def _removal(folder: Path) -> list[Change]:
    ours = [*(folder / LIBRARY).glob("*.lua"), *(folder / "scripts").glob("acestep_*.lua")]
    changes = [Change(path, None) for path in sorted(ours)]
    data = read_or_none(folder / UI_SCRIPTS)
    if data is not None and (slots_of(data)[0] or slots_of(data)[1]):
        changes.append(Change(folder / UI_SCRIPTS, without_scripts(data)))
        changes += [Change(folder / BACKUP, None)] if (folder / BACKUP).exists() else []
    return changes


def _installed(options: ArdourOptions) -> bytes:
    """What the scripts must know of this installation, as a Lua program."""
    command = b", ".join(quoted(word.encode()) for word in (sys.executable, "-m", "bridge.ardour"))
    home = quoted(options.home.as_posix().encode())
    return b"return { home = " + home + b", command = { " + command + b" } }\n"


def _folder_point(folder: Path) -> Point:
    return Point("configuration", True, f"{folder}, of Ardour {version_of(folder)}")


def _files_point(folder: Path, files: Mapping[str, bytes], options: ArdourOptions) -> Point:
    wanted = {**files, INSTALLED: _installed(options)}
    other = [name for name, data in wanted.items() if read_or_none(folder / name) != data]
    if not other:
        return Point("scripts", True, f"{len(wanted)} files, as this version has them")
    return Point("scripts", False, f"missing or of another version: {', '.join(other)}", _INSTALL)


def _slots_point(folder: Path, files: Mapping[str, bytes]) -> Point:
    slots, hook = slots_of(read_or_none(folder / UI_SCRIPTS))
    wanted = len(_entry_scripts(files))
    if hook and len(slots) == wanted:
        places = f"script-{slots[0].number} to script-{slots[-1].number}"
        return Point("actions", True, f"{wanted} actions ({places}) and the background script")
    missing = f"{len(slots)} of {wanted} actions, background script {'there' if hook else 'missing'}"
    return Point("actions", False, missing, _INSTALL)


_INSTALL = "Close Ardour, then run: acestep-bridge ardour install"

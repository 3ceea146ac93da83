"""How an installation in REAPER stands: one point each, with a sentence or the remedy. Changes nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bridge.installing.changes import read_or_none
from bridge.installing.point import Point
from bridge.installing.refusal import InstallRefused
from bridge.protocol.home import Install
from bridge.reaper.action_list import command_ids
from bridge.reaper.extras import ICONS, TEMPLATES, TOOLBAR, extra_files
from bridge.reaper.ini_text import get_key, split_lines
from bridge.reaper.install import INI, KB, InstallOptions, usable_python
from bridge.reaper.osc_device import OscDevice, find_device
from bridge.reaper.python_candidates import candidates, remedy
from bridge.reaper.resources import find_resource_path, reaper_is_running
from bridge.reaper.script_files import FOLDER, actions, script_files
from bridge.system.platform import Platform, here

_INSTALL = "Quit REAPER and run: acestep-bridge reaper install"


def status(options: InstallOptions | None = None, platform: Platform | None = None) -> list[Point]:
    """All points, in the order in which they have to be mended."""
    options, platform = options or InstallOptions(), platform or here()
    try:
        folder = find_resource_path(platform, options.resource_path)
    except InstallRefused as error:
        return [Point("resource folder", False, error.got, error.remedy)]
    ini = _read(folder / INI)
    return [
        Point("resource folder", True, str(folder)),
        _scripts(folder, options),
        _registered(folder, options, platform),
        _extras(folder, options, platform),
        _enabled(ini),
        _python(ini, platform),
        _daemon(options.home),
        _osc(ini, options.osc or OscDevice()),
        _running(platform),
    ]


def _scripts(folder: Path, options: InstallOptions) -> Point:
    files = script_files(options.scripts)
    place = folder / "Scripts" / FOLDER
    missing = [name for name in files if not (place / name).is_file()]
    if missing:
        return Point("scripts", False, f"{len(missing)} of {len(files)} files are missing", _INSTALL)
    differing = [name for name, data in files.items() if (place / name).read_bytes() != data]
    if differing:
        return Point("scripts", False, f"{len(differing)} files are of another version", _INSTALL)
    return Point("scripts", True, f"{len(files)} files in {place}")


def _registered(folder: Path, options: InstallOptions, platform: Platform) -> Point:
    wanted = actions(list(script_files(options.scripts)), platform.separator)
    there = [line.replace("\\", "/") for line in split_lines(_read(folder / KB)) if line.startswith("SCR ")]
    ids = command_ids(there)  # REAPER and ReaPack give ids of their own: those lines are ours by their path
    by_path = {a.name for a in wanted if any(f"{FOLDER}/{a.file_name}" in line for line in there)}
    missing = [a.name for a in wanted if a.command_id.removeprefix("_") not in ids and a.name not in by_path]
    if missing:
        return Point("actions", False, f"not in the action list: {', '.join(missing)}", _INSTALL)
    return Point("actions", True, f"{len(wanted)} in the action list")


def _extras(folder: Path, options: InstallOptions, platform: Platform) -> Point:
    wanted = extra_files(options.scripts, actions(list(script_files(options.scripts)), platform.separator))
    missing = [name for name, data in wanted.items() if read_or_none(folder / name) != data]
    if missing:
        text = f"{len(missing)} of {len(wanted)} files are missing or changed, such as {missing[0]}"
        return Point("toolbar and template", False, text, _INSTALL, optional=True)
    return Point("toolbar and template", True, f"{len(wanted)} files: {ICONS}, {TOOLBAR}, {TEMPLATES}", optional=True)


def _enabled(ini: str) -> Point:
    if get_key(ini, "reascript") == "1":
        return Point("ReaScript", True, "Python scripts are on")
    return Point("ReaScript", False, "Python scripts are off", _INSTALL)


def _python(ini: str, platform: Platform) -> Point:
    library = usable_python(ini)
    if library is not None:
        return Point("Python", True, str(library))
    named = f"{get_key(ini, 'pythonlibpath64') or 'no folder'}, {get_key(ini, 'pythonlibdll64') or 'no library'}"
    pythons = candidates(platform)
    usable = next((c for c in pythons if not c.refusal), None)
    if usable is not None:
        return Point("Python", False, f"REAPER names {named}", f"{_INSTALL} (it takes {usable.folder})")
    reasons = "; ".join(f"{c.origin}: {c.refusal}" for c in pythons)
    return Point("Python", False, f"REAPER names {named}. {reasons}".strip(), remedy(platform))


def _daemon(home: Path) -> Point:
    try:
        data = read_or_none(home / "install.json")
        command = msgspec.json.decode(data, type=Install).daemon_command if data is not None else []
    except (msgspec.DecodeError, InstallRefused, UnicodeDecodeError, RecursionError):
        command = []
    if not command:
        return Point("daemon command", False, f"no readable install.json in {home}", _INSTALL)
    if not Path(command[0]).exists():
        return Point("daemon command", False, f"{command[0]} is gone", _INSTALL)
    return Point("daemon command", True, " ".join(command))


def _osc(ini: str, device: OscDevice) -> Point:
    line = find_device(ini, device.name)
    if line is not None:
        return Point("OSC device", True, line, optional=True)
    remedy_text = "For OSC surfaces only: acestep-bridge reaper install --osc"
    return Point("OSC device", False, "not set up", remedy_text, optional=True)


def _running(platform: Platform) -> Point:
    running = reaper_is_running(platform)
    if running:
        return Point("REAPER", False, "it is running", "Quit it before install or uninstall.", optional=True)
    return Point("REAPER", True, "not running" if running is False else "whether it runs is unknown", optional=True)


def _read(path: Path) -> str:
    return (read_or_none(path) or b"").decode("utf-8", "surrogateescape")

"""Where REAPER keeps its resources (reaper.ini, Scripts), on the three systems and in portable installs.

Knows no contents of these files. Layouts: REAPER's user guide; real folders are unverified.
"""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from bridge.installing.refusal import InstallRefused
from bridge.system.platform import MACOS, WINDOWS, Platform

_REMEDY = "Start REAPER once, or give --resource-path (in REAPER: Options, Show REAPER resource path)."


def default_resource_path(platform: Platform) -> Path:
    """REAPER's own choice for a normal install; the folder may not exist."""
    if platform.system == WINDOWS:
        appdata = platform.env.get("APPDATA")
        return Path(appdata) / "REAPER" if appdata else platform.home / "AppData" / "Roaming" / "REAPER"
    if platform.system == MACOS:
        return platform.home / "Library" / "Application Support" / "REAPER"
    config = platform.env.get("XDG_CONFIG_HOME")
    return (Path(config) if config else platform.home / ".config") / "REAPER"


def find_resource_path(platform: Platform, given: str | os.PathLike[str] | None = None) -> Path:
    """The resource folder to install into: the given one (portable installs too), else REAPER's own choice.

    Raises InstallRefused when it is no folder, or holds no reaper.ini: then REAPER was never started there.
    """
    folder = Path(given).expanduser().absolute() if given is not None else default_resource_path(platform)
    if folder.name.lower() == "reaper.ini":
        folder = folder.parent
    if not folder.is_dir():
        raise InstallRefused("resource_path", f"no folder {folder}", "REAPER's resource folder", _REMEDY)
    if not (folder / "reaper.ini").is_file():
        raise InstallRefused("resource_path", f"{folder} without reaper.ini", "REAPER's resource folder", _REMEDY)
    return folder


def reaper_is_running(platform: Platform) -> bool | None:
    """Whether a REAPER runs; None where programs cannot be listed."""
    names = platform.processes()
    if names is None:
        return None
    return any(PureWindowsPath(name).name.lower() in ("reaper", "reaper.exe") for name in names)

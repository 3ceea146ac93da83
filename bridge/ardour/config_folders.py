"""Where Ardour keeps its configuration: one folder a major version, on the three systems.

Source: `libs/ardour/filesystem_paths.cc` of Ardour 7.3. Real folders of macOS and Windows are unverified.
"""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from bridge.installing.refusal import InstallRefused
from bridge.system.platform import MACOS, WINDOWS, Platform

VERSIONS = (7, 8, 9)  # their Lua has positions as `timepos_t`; 6's has numbers
_REMEDY = "Start Ardour once, or give --config-folder."


def config_folder(platform: Platform, version: int) -> Path:
    """The folder of a major version; it may not exist."""
    if platform.system == MACOS:
        return platform.home / "Library" / "Preferences" / f"Ardour{version}"
    name = f"Ardour{version}" if platform.system == WINDOWS else f"ardour{version}"
    return _base(platform) / name


def _base(platform: Platform) -> Path:
    given = platform.env.get("XDG_CONFIG_HOME")
    if given:
        return Path(given)
    if platform.system == WINDOWS:
        local = platform.env.get("LOCALAPPDATA")
        return Path(local) if local else platform.home / "AppData" / "Local"
    return platform.home / ".config"


def find_config_folders(platform: Platform, given: str | os.PathLike[str] | None = None) -> list[Path]:
    """The folders to install into: the given one, else those of the versions that are there.

    Raises InstallRefused where there is none: then Ardour was never started.
    """
    if given is not None:
        folder = Path(given).expanduser().absolute()
        if not folder.is_dir():
            raise InstallRefused("config_folder", f"no folder {folder}", "Ardour's configuration folder", _REMEDY)
        return [folder]
    folders = [config_folder(platform, version) for version in VERSIONS]
    found = [folder for folder in folders if folder.is_dir()]
    if not found:
        looked = ", ".join(str(folder) for folder in folders)
        raise InstallRefused("config_folder", f"none of {looked}", "Ardour's configuration folder", _REMEDY)
    return found


def version_of(folder: Path) -> int:
    """The major version that a folder's name says; the oldest one where it says none."""
    digits = "".join(character for character in folder.name if character.isdigit())
    return int(digits) if digits else VERSIONS[0]


def ardour_is_running(platform: Platform) -> bool | None:
    """Whether an Ardour runs; None where programs cannot be listed."""
    names = platform.processes()
    if names is None:
        return None
    return any(
        PureWindowsPath(name).name.lower().startswith(("ardour-", "ardour.", "ardour7", "ardour8", "ardour9"))
        or PureWindowsPath(name).name.lower() == "ardour"
        for name in names
    )

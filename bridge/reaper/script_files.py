"""The ReaScripts of this package: which files go into REAPER, which of them are actions, under which ids.

Knows no REAPER folder and writes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bridge.installing.refusal import InstallRefused
from bridge.rpp.text import quote

REPOSITORY = "acestep-bridge"
CATEGORY = "ACE-Step"
FOLDER = f"{REPOSITORY}/{CATEGORY}"  # below Scripts, where ReaPack would put them too
ENDINGS = (".py", ".lua")  # of scripts


@dataclass(frozen=True)
class Action:
    """An entry script as REAPER lists it. `command_id` is what /action and NamedCommandLookup take."""

    name: str
    file_name: str
    command_id: str
    kb_line: str


def scripts_folder() -> Path:
    """The scripts that came with this installation."""
    return Path(__file__).resolve().parents[2] / "reaper_scripts"


def script_files(folder: Path) -> dict[str, bytes]:
    """Relative name (with /) to bytes, of every script and package file. Raises InstallRefused where none are."""
    patterns = ("*.py", "*.lua", "acestep_reaper/**/*.py", "acestep_panel/*.lua")
    names = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}
    if not any("/" not in name for name in files):
        remedy = "Install acestep-bridge again: its reaper_scripts folder is missing."
        raise InstallRefused("scripts", f"no scripts in {folder}", "the entry scripts", remedy)
    return files


def actions(names: list[str], separator: str = "/") -> list[Action]:
    """The actions among these file names, one for each entry script, in order."""
    return [_action(name, separator) for name in sorted(names) if "/" not in name and name.endswith(ENDINGS)]


def _action(file_name: str, separator: str) -> Action:
    path = f"{FOLDER}/{file_name}".replace("/", separator)
    digest = hashlib.sha1(f"{FOLDER}/{file_name}".encode(), usedforsecurity=False).hexdigest()
    stem = file_name.rpartition(".")[0]
    name = stem.partition("_")[2] or stem
    line = f'SCR 4 0 RS{digest} "Custom: {file_name}" {quote(path)}'
    return Action(name, file_name, f"_RS{digest}", line)

"""Install the ReaScripts into REAPER, take them out again, and say how things stand.

Copies the scripts, registers the actions in reaper-kb.ini, lets REAPER find a Python in reaper.ini, adds an OSC
device when asked, and writes how to start the daemon. Everything happens or nothing; every file that is changed
has a backup; doing it twice changes nothing. REAPER must be closed: it rewrites its files when it exits.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath

import msgspec

from bridge.installing.changes import Change, carry_out, read_or_none, remove_empty_folders
from bridge.installing.refusal import InstallRefused
from bridge.protocol.home import home_folder, make_home, write_install
from bridge.reaper.action_list import command_ids, with_actions, without_ids
from bridge.reaper.extras import extra_files
from bridge.reaper.ini_text import get_key, set_keys
from bridge.reaper.osc_device import OscDevice, with_device, without_device
from bridge.reaper.python_candidates import Candidate, candidates, remedy
from bridge.reaper.resources import find_resource_path, reaper_is_running
from bridge.reaper.script_files import FOLDER, Action, actions, script_files, scripts_folder
from bridge.system.platform import Platform, here

RECORD = "acestep-bridge-install.json"
BACKUP_SUFFIX = ".before-acestep-bridge"
PATTERN_FILE = "OSC/acestep.ReaperOSC"
INI, KB = "reaper.ini", "reaper-kb.ini"
_CHANGED_SINCE = ""


@dataclass(frozen=True)
class InstallOptions:
    """What to install where. `resource_path` None is REAPER's own; `python` None is the first usable one."""

    resource_path: str | os.PathLike[str] | None = None
    python: Candidate | None = None
    osc: OscDevice | None = None
    scripts: Path = field(default_factory=scripts_folder)
    home: Path = field(default_factory=home_folder)


@dataclass(frozen=True)
class InstallReport:
    """What was done: changed files, backups, the actions with their ids, and sentences for the user."""

    resource_path: Path
    changed: list[Path]
    backups: list[Path]
    actions: list[Action]
    notes: list[str]


class Record(msgspec.Struct, kw_only=True):
    """What an installation did, kept in the resource folder: to undo it, and to do nothing twice."""

    version: int = 1
    files: dict[str, str] = {}  # relative to the resource folder: SHA-256 of what was written
    kb_lines: list[str] = []
    old_keys: dict[str, str | None] = {}  # of reaper.ini
    new_keys: dict[str, str] = {}
    osc_name: str = ""
    after: dict[str, str] = {}  # name of a changed file: its SHA-256 after the installation
    created: list[str] = []  # of the changed files, those that were not there before
    folders: list[str] = []  # those that were not there before


def install(options: InstallOptions | None = None, platform: Platform | None = None) -> InstallReport:
    """Install or update. Raises InstallRefused with the remedy; then nothing was changed."""
    options, platform = options or InstallOptions(), platform or here()
    folder = _ready(platform, options.resource_path)
    files = script_files(options.scripts)
    wanted = actions(list(files), platform.separator)
    old = read_record(folder) or Record()
    record = Record(old_keys=dict(old.old_keys), created=list(old.created))
    ini, notes = _new_ini(folder, options, platform, old, record)
    record.kb_lines = [action.kb_line for action in wanted]
    kb = with_actions(_text(folder / KB), record.kb_lines, old.kb_lines)
    own = {f"Scripts/{FOLDER}/{name}": data for name, data in files.items()} | extra_files(options.scripts, wanted)
    record.folders = sorted({*old.folders, *_missing_folders(folder, own)})
    changes = _file_changes(folder, own | _pattern_file(options, old), old, record)
    changes += _settings_changes(folder, {INI: ini, KB: kb}, old, record)
    changes.append(Change(folder / RECORD, _json(record)))
    changed = carry_out(changes)
    make_home(options.home)
    write_install(options.home)
    backups = [path for path in changed if path.name.endswith(BACKUP_SUFFIX)]
    return InstallReport(folder, changed, backups, wanted, notes)


def uninstall(resource_path: str | os.PathLike[str] | None = None, platform: Platform | None = None) -> InstallReport:
    """Take everything out again. Files that REAPER has changed since lose only what was added to them."""
    platform = platform or here()
    folder = _ready(platform, resource_path)
    record = read_record(folder)
    if record is None:
        return InstallReport(folder, [], [], [], ["Nothing is installed here."])
    changes, notes = [], []
    for name, digest in record.files.items():
        content = read_or_none(folder / name)
        if content is not None and _digest(content) != digest:
            notes.append(f"Left as it is, because you changed it: {folder / name}")
        elif content is not None:
            changes.append(Change(folder / name, None))
    for name in (INI, KB):
        changes += _restored(folder, name, record, notes)
    changed = carry_out([*changes, Change(folder / RECORD, None)])
    for path in {(folder / name).parent for name in record.files}:
        remove_empty_folders(path, folder / "Scripts")
    for name in sorted(record.folders, reverse=True):
        remove_empty_folders(folder / name, (folder / name).parent)
    return InstallReport(folder, changed, [], [], notes)


def read_record(folder: Path) -> Record | None:
    """What an earlier installation did here; None without one. Raises InstallRefused when the record is damaged."""
    data = read_or_none(folder / RECORD)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        remedy_text = f"Delete it; backups of REAPER's files end in {BACKUP_SUFFIX}."
        raise InstallRefused(
            "resource_path", f"a damaged {folder / RECORD}", "what install wrote", remedy_text
        ) from error


def usable_python(ini: str, exists: Callable[[Path], bool] = Path.is_file) -> Path | None:
    """The library that reaper.ini names, if it is there."""
    folder, name = get_key(ini, "pythonlibpath64"), get_key(ini, "pythonlibdll64")
    path = Path(folder) / name if folder and name else None
    return path if path is not None and exists(path) else None


def _ready(platform: Platform, resource_path: str | os.PathLike[str] | None) -> Path:
    folder = find_resource_path(platform, resource_path)
    if reaper_is_running(platform):
        remedy_text = "Quit REAPER, then run this again: it overwrites its settings when it exits."
        raise InstallRefused("reaper", "a running REAPER", "a closed one", remedy_text)
    return folder


def _new_ini(
    folder: Path, options: InstallOptions, platform: Platform, old: Record, record: Record
) -> tuple[str, list[str]]:
    ini, notes = _text(folder / INI), []
    values = {"reascript": "1"}
    if options.python is not None or usable_python(ini) is None:
        python = options.python or _first_usable(platform)
        values |= {"pythonlibpath64": str(python.folder), "pythonlibdll64": python.library}
        notes.append(f"REAPER's Python: {python.origin} {python.version[0]}.{python.version[1]}, {python.folder}")
    for key, value in values.items():
        if get_key(ini, key) != value:
            record.old_keys.setdefault(key, get_key(ini, key))
    record.new_keys = {**old.new_keys, **values}
    ini = set_keys(ini, values)
    record.osc_name = old.osc_name
    if options.osc is not None:
        ini, record.osc_name = with_device(ini, options.osc), options.osc.name
        notes.append(f"REAPER will listen for OSC on port {options.osc.listen_port} of all network interfaces.")
    return ini, notes


def _first_usable(platform: Platform) -> Candidate:
    pythons = candidates(platform)
    if pythons and not pythons[0].refusal:
        return pythons[0]
    reasons = "; ".join(f"{c.origin} {c.version[0]}.{c.version[1]}: {c.refusal}" for c in pythons) or "none found"
    raise InstallRefused(
        "python", f"no Python that REAPER can load ({reasons})", "a shared libpython", remedy(platform)
    )


def _pattern_file(options: InstallOptions, old: Record) -> dict[str, bytes]:
    """Our .ReaperOSC file, where an OSC device of ours is wanted or was installed before."""
    if options.osc is None and PATTERN_FILE not in old.files:
        return {}
    return {PATTERN_FILE: resources.files("bridge.osc.reaper").joinpath("acestep.ReaperOSC").read_bytes()}


def _file_changes(folder: Path, files: dict[str, bytes], old: Record, record: Record) -> list[Change]:
    changes = []
    for relative, data in files.items():
        record.files[relative] = _digest(data)
        now = read_or_none(folder / relative)
        if now is not None and _digest(now) not in (record.files[relative], old.files.get(relative)):
            changes.append(Change(folder / (relative + BACKUP_SUFFIX), now))
        changes.append(Change(folder / relative, data))
    gone = [name for name in old.files if name not in record.files]
    return changes + [Change(folder / name, None) for name in gone if (folder / name).exists()]


def _missing_folders(folder: Path, names: Iterable[str]) -> set[str]:
    """Of the folders that these files need, below REAPER's, those that are not there."""
    needed = {parent for name in names for parent in PurePosixPath(name).parents}
    return {parent.as_posix() for parent in needed if not (folder / parent).is_dir()}


def _settings_changes(folder: Path, texts: dict[str, str], old: Record, record: Record) -> list[Change]:
    changes = []
    for name, text in texts.items():
        data, now = _bytes(text), read_or_none(folder / name)
        if name in old.after:  # it has its backup, which holds only while nobody else changes the file
            same = now is not None and _digest(now) == old.after[name]
            record.after[name] = _digest(data) if same else _CHANGED_SINCE
        elif data != now:
            record.after[name] = _digest(data)
            if now is None:
                record.created.append(name)
            else:
                changes.append(Change(folder / (name + BACKUP_SUFFIX), now))
        changes.append(Change(folder / name, data))
    return changes


def _restored(folder: Path, name: str, record: Record, notes: list[str]) -> list[Change]:
    path, backup = folder / name, folder / (name + BACKUP_SUFFIX)
    now = read_or_none(path)
    if name not in record.after or now is None:
        return []
    if _digest(now) == record.after[name] and (name in record.created or read_or_none(backup) is not None):
        before = None if name in record.created else read_or_none(backup)
        return [Change(path, before), *([] if before is None else [Change(backup, None)])]
    text = _text(path)
    if name == KB:
        text = without_ids(text, command_ids(record.kb_lines))
    else:
        ours = {key: value for key, value in record.new_keys.items() if get_key(text, key) == value}
        text = set_keys(text, {key: record.old_keys[key] for key in ours if key in record.old_keys})
        text = without_device(text, record.osc_name) if record.osc_name else text
    if read_or_none(backup) is not None:
        notes.append(f"{name} has changed since: only what was added is taken out. Its backup stays: {backup}")
    return [Change(path, _bytes(text))]


def _text(path: Path) -> str:
    return (read_or_none(path) or b"").decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"

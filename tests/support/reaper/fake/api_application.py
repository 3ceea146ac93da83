"""API functions about the application: actions, dialogs, messages, paths. And when scripts start and end."""

from __future__ import annotations

import time
from pathlib import Path

from .audio import render
from .core import ITEMS_FULL, Core

ITEM_EDGES = 40597
AUTOMATIC = "ReaScript: Run"


class ApplicationApi(Core):
    """Actions, dialogs (answered from `answers`) and text shown to the user."""

    version = "7.78/linux-x86_64"

    def __init__(self) -> None:
        super().__init__()
        self.scripts: dict[int, str] = {}
        self.ids: dict[str, str] = {}  # of scripts that reaper-kb.ini names, without the underscore
        self.dialogs: list[tuple[str, str]] = []
        self.answers: list[object] = []
        self.help_text = ""
        self.console: list[str] = []
        self.tooltips: list[str] = []
        self.commands: list[int] = []
        self.resource_path = ""
        self.nested = True  # whether Main_OnCommand runs a script at once or after the caller
        self.refresh = 0

    # life of scripts, called by the host
    def before_script(self, path: str, running: list[str]) -> None:
        """REAPER's modal question about a script that still defers comes before the script runs."""
        if path in running:
            self.dialogs.append(("ReaScript task control", path))

    def undo_points(self) -> int:
        """How often any project's history was moved on."""
        return sum(project.changes for project in self.projects)

    def automatic_undo_point(self) -> None:
        """What REAPER does when a script ends that neither deferred nor made an undo point of its own."""
        self.project.mark(AUTOMATIC)

    def after_script(self) -> None:
        """What must hold whenever no script runs."""
        for project in self.projects:
            if project.block is not None:
                self.violation("an undo block was left open")
                project.block = None
            if project.unmarked:
                self.violation("the project was changed outside an undo block")
                project.mark(AUTOMATIC)
        if self.refresh:
            self.violation(f"PreventUIRefresh left at {self.refresh}")
            self.refresh = 0

    # actions
    def register(self, path: str, command_id: str) -> None:
        """As REAPER's start does with a line of reaper-kb.ini."""
        self.scripts[53000 + len(self.scripts)] = path
        self.ids[path] = command_id

    def AddRemoveReaScript(self, add: int, section: int, path: str, commit: int) -> int:
        known = {p: i for i, p in self.scripts.items()}
        if path not in known:
            if not Path(path).exists():
                return 0
            known[path] = 53000 + len(self.scripts)
            self.scripts[known[path]] = path
        return known[path]

    def ReverseNamedCommandLookup(self, command: int) -> str:
        if self.scripts.get(command) in self.ids:
            return self.ids[self.scripts[command]]
        return f"RS{abs(hash(self.scripts[command])):040x}"[:42] if command in self.scripts else ""

    def NamedCommandLookup(self, name: str) -> int:
        return next((i for i in self.scripts if "_" + self.ReverseNamedCommandLookup(i) == name), 0)

    def Main_OnCommand(self, command: int, flag: int) -> None:
        self.commands.append(command)
        path = self.scripts.get(command)
        if command in (40129, 40131):
            self._take_action(command)
        if command == 42230:
            render(self.project)
        if path and self.nested:
            self.host.run_nested(path)
        elif path:
            self.queued_scripts.append(path)

    def GetToggleCommandState(self, command: int) -> int:
        """1135 is locking as a whole; the single settings are on only while that is."""
        if command == 1135:
            return int(bool(self.project.locks))
        return int(command in self.project.locks) if command in (ITEMS_FULL, ITEM_EDGES) else -1

    def _take_action(self, command: int) -> None:
        """40129 deletes the active take of selected items, 40131 crops to it; what is locked stays."""
        for item in self.project.items():
            if item.selected and item.takes and not self.held(self.project, item):
                active = item.takes[item.active]
                keep = [active] if command == 40131 else [t for t in item.takes if t is not active]
                item.takes, item.active = keep, 0

    # dialogs
    def _answer(self, kind: str, text: str) -> object:
        self.dialogs.append((kind, text))
        if not self.answers:
            self.violation(f"unexpected dialog {kind}: {text}")
            return None
        return self.answers.pop(0)

    def MB(self, message: str, title: str, kind: int) -> int:
        answer = self._answer("MB " + title, message)
        return answer if isinstance(answer, int) else 2

    def GetUserInputs(self, title: str, count: int, captions: str, values: str, size: int):
        if count > 16:
            self.violation(f"GetUserInputs with {count} fields")
        answer = self._answer("GetUserInputs " + title, f"{captions}\n{values}")
        return isinstance(answer, str), answer if isinstance(answer, str) else values

    def GetUserFileNameForRead(self, path: str, title: str, extension: str):
        answer = self._answer("file " + title, path)
        return isinstance(answer, str), answer if isinstance(answer, str) else path

    # text
    def Help_Set(self, text: str, temporary: int) -> None:
        self.help_text = text

    def ShowConsoleMsg(self, text: str) -> None:
        self.console.append(text)

    def TrackCtl_SetToolTip(self, text: str, x: int, y: int, topmost: int) -> None:
        self.tooltips.append(text)

    def GetMousePosition(self, x: int, y: int):
        return None, 100, 100

    # screen
    def PreventUIRefresh(self, by: int) -> None:
        self.refresh += by

    def UpdateArrange(self) -> None:
        return None

    def UpdateTimeline(self) -> None:
        return None

    def UpdateItemInProject(self, item: int) -> None:
        self.need(item, "MediaItem*", "UpdateItemInProject")

    def TrackList_AdjustWindows(self, minor: int) -> None:
        return None

    # system
    def APIExists(self, name: str) -> bool:
        return name in self.handlers() and name not in self.hidden

    def GetAppVersion(self) -> str:
        return self.version

    def GetOS(self) -> str:
        return "Other"

    def GetResourcePath(self) -> str:
        return self.resource_path

    def GetAudioDeviceInfo(self, attribute: str, buffer: str, size: int):
        return attribute == "SRATE", "44100" if attribute == "SRATE" else ""

    def ColorToNative(self, red: int, green: int, blue: int) -> int:
        return red | green << 8 | blue << 16

    def RecursiveCreateDirectory(self, path: str, ignored: int) -> int:
        Path(path).mkdir(parents=True, exist_ok=True)
        return 1

    def time_precise(self) -> float:
        return time.perf_counter()

"""The panel without a screen: its Lua runs in lua5.4 over stand-ins of ReaImGui and of REAPER's API.

Calls of REAPER's API are answered by the same fake REAPER that the background script runs over, so that both ends of
the contract meet in its external state and its project.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.reaper.contract import functions

HERE = Path(__file__).parent
LUA = next((found for name in ("lua5.4", "lua", "lua5.3") if (found := shutil.which(name))), None)
OUT_ONLY = "IDB"  # C's out-parameters are Lua's further results
OWN = ("ImGui_GetBuiltinPath", "set_action_options")  # of ReaImGui, and of Lua alone


def why_no_lua() -> str:
    """Reason why the panel cannot run here, or an empty string."""
    return "" if LUA else "no Lua (Debian: apt-get install lua5.4)"


class LuaError(Exception):
    """The panel, or a stand-in that watches it, raised an error."""


@dataclass
class Window:
    """One frame's widgets, as drawn from top to bottom."""

    title: str
    widgets: list[dict[str, Any]] = field(default_factory=list)

    def texts(self) -> list[str]:
        """Every text that is shown."""
        return [str(w["text"]) for w in self.widgets if "text" in w]

    def of(self, label: str) -> dict[str, Any]:
        """The widget with an id."""
        return next(w for w in self.widgets if w.get("label") == label)


class Panel:
    """The panel in a Lua of its own. `fake` is a FakeReaper, `scripts` the folder of the entry scripts."""

    def __init__(self, fake: Any, scripts: Path, absent: tuple[str, ...] = ()) -> None:
        assert LUA is not None
        self.fake, self.scripts, self.absent = fake, scripts, absent
        self.calls: list[str] = []
        command = [LUA, str(HERE / "panel" / "host.lua"), str(scripts / "acestep_panel")]
        self._lua = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.open = False

    def load(self) -> None:
        """Run the entry script, as REAPER does when its action is pressed."""
        script = str(self.scripts / "acestep_Panel.lua")
        self.open = self._do("load", script=script, absent=list(self.absent))["open"]

    def frame(
        self, *press: str, typed: dict[str, object] | None = None, close: bool = False, seconds: int = 0
    ) -> Window:
        """Draw once; `press` are labels of buttons, lists and their entries, `typed` new values by label.

        `seconds` have passed since the last frame by the panel's clock.
        """
        answer = self._do("frame", press=dict.fromkeys(press, True), type=typed or {}, close=close, seconds=seconds)
        self.open = answer["open"]
        return Window(answer.get("title", ""), answer["widgets"])

    def decode(self, text: str) -> dict[str, Any]:
        """What the panel's JSON makes of a text: {"text": encoded again} or {"why": ...}."""
        return self._do("decode", text=text)

    def quit(self) -> list[int]:
        """End the script; its action options."""
        options: list[int] = self._do("quit")["options"]
        self.end()
        return options

    def end(self) -> None:
        """End the process, whatever state it is in."""
        self._lua.kill()
        self._lua.communicate()

    def _do(self, command: str, **more: object) -> dict[str, Any]:
        self._send({"do": command, **more})
        while True:
            message = self._receive()
            if "call" in message:
                self._send({"results": self._answer(message["call"], message["args"])})
            elif "failed" in message:
                raise LuaError(message["failed"])
            else:
                answer: dict[str, Any] = message["answer"]
                return answer

    def _send(self, message: dict[str, object]) -> None:
        assert self._lua.stdin is not None
        self._lua.stdin.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        self._lua.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._lua.stdout is not None
        line = self._lua.stdout.readline()
        if not line:
            raise LuaError("the Lua process ended")
        message: dict[str, Any] = json.loads(line)
        return message

    def _answer(self, name: str, args: list[Any]) -> list[Any]:
        """The results of a call in Lua's shape; a NULL pointer is no result at all."""
        self.calls.append(name)
        if name == "ImGui_GetBuiltinPath":
            return [str(HERE / "panel")]
        return lua_results(name, *self._call(name, args))

    def _call(self, name: str, args: list[Any]) -> tuple[Any, list[Any]]:
        function, given = functions()[name], iter(args)
        full = [0 if letter in OUT_ONLY else next(given) for letter in function.letters]
        nested, self.fake.nested = self.fake.nested, False  # Lua runs in this process: the host is idle
        try:
            return self.fake.call(function, full)
        finally:
            self.fake.nested = nested


def lua_results(name: str, result: Any, outputs: list[Any]) -> list[Any]:
    """What Lua gets of a C function's result and out-parameters."""
    function = functions()[name]
    found = [] if function.ret == "v" or (function.ret == "P" and not result) else [result]
    return [*found, *outputs]


def wait_for(panel: Panel, host: Any, found: Callable[[Window], bool], frames: int = 300) -> Window:
    """Frames and the background script's ticks by turns until a frame shows what is looked for."""
    for _ in range(frames):
        window = panel.frame()
        if found(window):
            return window
        run_queued(panel, host)
        host.tick(1, 0.01)
    raise LuaError(f"not shown within {frames} frames: {[w for w in window.widgets if w['kind'] != 'line']}")


def run_queued(panel: Panel, host: Any) -> None:
    """Scripts that the panel asked REAPER to run."""
    while panel.fake.queued_scripts:
        host.run(panel.fake.queued_scripts.pop(0))

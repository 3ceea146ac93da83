"""Ardour as a test drives it: a configuration and session of its own, a virtual display, OSC in, Lua as a probe."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pythonosc.udp_client import SimpleUDPClient

from bridge.ardour import lua_text

OSC_PORT = 3819  # Ardour's own choice
PATIENCE_SECONDS = 180.0
PROGRAMS = ("ardour", "ardour7-new_session", "Xvfb")
CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config>
    <Option name="hide-dummy-backend" value="0"/>
    <Option name="try-autostart-engine" value="1"/>
    <Option name="check-announcements" value="0"/>
  </Config>
  <Metadata/>
  <Extra>
    <AudioMIDISetup>
      <EngineStates>
        <State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device="" output-device=""
          sample-rate="{rate}" buffer-size="1024" n-periods="0" input-latency="0" output-latency="0" active="1"
          use-buffered-io="0" midi-option="No MIDI I/O" lru="1"/>
      </EngineStates>
    </AudioMIDISetup>
  </Extra>
  <ControlProtocols>
    <Protocol name="Open Sound Control (OSC)" active="1" feedback="0" debugmode="0" address-only="0"
      remote-port="8000" banksize="0" striptypes="31" gainmode="0" send-page-size="0" plug-page-size="0"/>
  </ControlProtocols>
</Ardour>
"""
PROBE = """
ardour { ["type"] = "EditorAction", name = "Probe" }
function factory () return function ()
  local lines = {}
  local function say (...)
    local words = {}
    for place = 1, select ("#", ...) do words[place] = tostring ((select (place, ...))) end
    lines[#lines + 1] = table.concat (words, "\\t")
  end
  local chunk, problem = loadfile ("@FOLDER@/probe.lua")
  local ok, why = pcall (chunk or function () error (problem) end, say)
  if not ok then lines[#lines + 1] = "ERROR " .. tostring (why) end
  local out = io.open ("@FOLDER@/answer.part", "w")
  out:write (table.concat (lines, "\\n"))
  out:close ()
  os.rename ("@FOLDER@/answer.part", "@FOLDER@/answer")
end end
"""


def missing() -> list[str]:
    """Programs that are not there."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def wait_until(what: str, found: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Ask again and again. Raises TimeoutError."""
    limit = time.monotonic() + seconds
    while not found():
        if time.monotonic() > limit:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


class Display:
    """An X server without a screen."""

    def __init__(self) -> None:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x720x24", "-nolisten", "tcp"]
        self._process = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as answer:
            self.name = f":{answer.readline().strip()}"

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


class Ardour:
    """One Ardour over one session. `folder` holds its configuration, its session and what the probe exchanges."""

    def __init__(self, folder: Path, display: Display, product_home: Path, rate: int) -> None:
        self.folder, self.rate = folder, rate
        self.config = folder / "home" / ".config" / "ardour7"
        self.session = folder / "session"
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
            "DISPLAY": display.name,
            "ACESTEP_BRIDGE_HOME": str(product_home),
        }
        self._osc = SimpleUDPClient("127.0.0.1", OSC_PORT)

    def prepare(self) -> None:
        """Configuration as after a first start, with another's action in slot 1: the probe; and an empty session."""
        self.config.mkdir(parents=True)
        (self.config / ".a7").touch()  # no questions of a first start
        (self.config / "config").write_text(CONFIG.format(rate=self.rate))
        text = PROBE.replace("@FOLDER@", self.folder.as_posix()).encode()
        factory = b"local function ardour () end\n" + text + b"\nreturn factory (...)"
        program = lua_text.write(b"scripts", {1: {b"n": b"Probe", b"s": text, b"f": factory, b"a": {}}})
        action = base64.b64encode(program).decode()
        (self.config / "ui_scripts").write_text(f"<UIScripts><ActionScript>{action}</ActionScript></UIScripts>")
        command = ["ardour7-new_session", "-s", str(self.rate), str(self.session), "song"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)

    def start(self) -> float:
        """Open the session; seconds until it answers. Raises RuntimeError where another Ardour has the OSC port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("0.0.0.0", OSC_PORT))
            except OSError as error:
                raise RuntimeError(f"UDP port {OSC_PORT} is taken: another Ardour runs") from error
        begun = time.monotonic()
        with open(self.folder / "ardour.log", "ab") as log:
            command = ["ardour", "--no-announcements", "--no-splash", str(self.session / "song.ardour")]
            self._process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until("Ardour answers", self._answers)
        return time.monotonic() - begun

    def send(self, address: str, *arguments: object) -> None:
        """An OSC message."""
        self._osc.send_message(address, list(arguments))

    def action(self, name: str) -> None:
        """An action by its path, such as LuaAction/script-2."""
        self.send("/access_action", name)

    def lua(self, text: str) -> list[str]:
        """Run Lua in Ardour; what it said, line by line. Raises AssertionError with Lua's error."""
        lines = self._ask(text, PATIENCE_SECONDS)
        assert not (lines and lines[-1].startswith("ERROR")), lines[-1]
        return lines

    def save(self) -> None:
        """Save the session, and wait until it is on the disk."""
        self.lua('Session:save_state ("", false, false, false)')

    def key(self, name: str) -> None:
        """Press a key in the window in front, such as a dialog."""
        subprocess.run(["xdotool", "key", name], env=self.environment, check=True)

    def picture(self, path: Path) -> None:
        """The upper part of the screen as a PNG of few colours, where ImageMagick is there."""
        if shutil.which("import"):
            command = [
                "import",
                "-window",
                "root",
                "-crop",
                "1280x470+0+0",
                "+repage",
                "+dither",
                "-colors",
                "24",
                str(path),
            ]
            subprocess.run(command, env=self.environment, check=True)

    def kill(self) -> None:
        """As a power cut."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            tail = (self.folder / "ardour.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Ardour ended: {tail}")
        return self._ask("local say = ... say (Session:name ())", 1.0) == ["song"]

    def _ask(self, text: str, seconds: float) -> list[str]:
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        (self.folder / "probe.lua").write_text(text)
        self.action("LuaAction/script-1")
        try:
            wait_until("the probe's answer", answer.exists, seconds)
        except TimeoutError:
            if seconds >= PATIENCE_SECONDS:
                raise
            return []
        return answer.read_text().splitlines()


def say(text: str) -> None:
    """A line of the report."""
    print(text, flush=True)
    sys.stdout.flush()

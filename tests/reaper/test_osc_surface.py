"""The whole way in one test: a surface, the controller, REAPER's action by OSC, our script over the fake REAPER, the
real daemon and engine, the take in the project, and what the surface is told of it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bridge.osc
from bridge.osc.transport.packets import decode, encode
from tests.support.osc_peers import Pyliblo
from tests.support.patience import HANG_SECONDS
from tests.support.reaper.pressing import controls

PATTERNS = (Path(bridge.osc.__file__).parent / "reaper" / "acestep.ReaperOSC").read_text("ascii")
REFRESH_ALL = "41743"


class ReaperOsc:
    """REAPER's OSC surface over the fake: the patterns of our file, actions by number or named id."""

    def __init__(self, studio) -> None:
        self.studio, self.controller = studio, None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.told: dict[str, object] = {}
        self.ran: list[str] = []

    def pump(self) -> None:
        """Do what came, tell what changed."""
        while True:
            try:
                data, self.controller = self.socket.recvfrom(65_535)
            except BlockingIOError:
                break
            for message in decode(data):
                assert message.path.startswith("/action/") and message.arguments == (1.0,)
                self._act(message.path.removeprefix("/action/"))
        self._tell()

    def _act(self, action: str) -> None:
        if action == REFRESH_ALL:
            self.told.clear()
            return
        script = self.studio.fake.scripts[self.studio.fake.NamedCommandLookup(action)]
        self.ran.append(Path(script).stem.partition("_")[2])
        self.studio.host.run(script)

    def _tell(self) -> None:
        if self.controller is None:
            return
        project = self.studio.project
        start, end = project.time_selection
        values = {"LOOP_START_TIME": start, "LOOP_END_TIME": end, "TEMPO": project.content.tempo[0].bpm}
        now: dict[str, object] = {_path(key): float(value) for key, value in values.items()}
        now |= {_path("TRACK_NAME").replace("@", str(n)): "Drums" for n in range(1, len(project.tracks) + 1)}
        for path, value in now.items():
            if self.told.get(path) != value:
                self.socket.sendto(encode(path, value), self.controller)
        self.told = now


def _path(key: str) -> str:
    """The address of a key in our pattern file."""
    return next(line.split()[1][1:] for line in PATTERNS.splitlines() if line.startswith(f"{key} "))


@pytest.mark.skipif(bool(Pyliblo.why_not()), reason=Pyliblo.why_not())
def test_from_the_surface_to_the_take_and_back(real_studio, tmp_path):
    studio = real_studio
    studio.song(seconds=16.0)
    studio.project.content.tempo[0].bpm = 124.0
    studio.project.mark("tempo")
    studio.select(6.0, 9.0)
    studio.save_tags(tags="what REAPER's dialog had", steps="9", snap_to_bars="no")
    studio.fake.answers = [1]  # what it found, in a dialog
    studio.action("Setup")
    studio.until(lambda: "reaper_actions" in controls(studio.home))
    reaper = ReaperOsc(studio)
    words = [sys.executable, "-c", "from bridge.cli import main; main()", "osc", "--port", "0"]
    process = subprocess.Popen(
        [*words, "--reaper", f"127.0.0.1:{reaper.port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "ACESTEP_BRIDGE_HOME": str(studio.home)},
    )  # fmt: skip
    surface = None
    try:
        port = int(process.stdout.readline().split("port ")[1].split(".")[0])
        surface = Pyliblo(port, tmp_path)
        play(studio, reaper, surface)
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=HANG_SECONDS)
        reaper.socket.close()
        if surface is not None:
            surface.close()
    assert "Traceback" not in errors, errors
    assert "reaper" not in controls(studio.home)  # without the controller its surfaces set nothing any more
    studio.check()


def play(studio, reaper, surface) -> None:
    def until(condition, seconds: float = HANG_SECONDS) -> None:
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, (studio.fake.help_text, studio.fake.tooltips, surface.heard[-20:])
            reaper.pump()
            studio.host.tick(1, 0.01)
            surface.poll()

    def hears(path: str, *values) -> None:
        until(lambda: (f"/acestep/{path}", values) in surface.heard)

    hears("daw/loop", 6.0, 9.0)
    hears("daw/tempo", 124.0)
    hears("daw/track", 1, "Drums")
    surface.send("region/loop", 1)
    hears("region", 6.0, 9.0)
    for path, value in (
        ("tags", "house, 124 bpm, drums"),
        ("number_of_steps", 3),
        ("context_seconds", 2.0),
        ("seed", 11),
    ):
        surface.send(path, value)
    surface.send("inpaint", 7)
    hears("ack", "/acestep/inpaint", 7)
    until(lambda: len(studio.project.items()[0].takes) == 2 or studio.fake.tooltips != [])
    assert studio.fake.tooltips == []
    assert reaper.ran == ["Regenerate time selection as new take"]
    item = studio.project.items()[0]
    request = json.loads(item.takes[1].ext["acestep_recipe"])["request"]
    told = {name: request[name] for name in ("task", "seed", "number_of_steps", "tags")}
    assert told["task"] == "inpaint" and told["seed"] == 11 and told["number_of_steps"] == 3
    assert "house, 124 bpm, drums" in told["tags"]
    hears("result/seed", 11)
    hears("status", "inpaint: done")
    hears("progress", 1.0)
    assert any(path == "/acestep/status" and "denoise" in str(values) for path, values in surface.heard)
    active = item.active
    surface.send("take/previous")
    until(lambda: studio.project.items()[0].active != active)
    surface.send("take/next")
    until(lambda: studio.project.items()[0].active == active)
    assert reaper.ran[1:] == ["Previous take", "Next take"]

"""A fake REAPER with our scripts, a home for the daemon, and a host to run the scripts in."""

from __future__ import annotations

import atexit
import base64
import compileall
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from tests.support.paths import SCRIPTS
from tests.support.patience import HANG_SECONDS
from tests.support.reaper.fake import FakeReaper, Item, add_audio
from tests.support.reaper.fake.api_application import AUTOMATIC
from tests.support.reaper.host import Host
from tests.support.reaper.stand_in import StandInDaemon


@cache
def compiled_scripts() -> Path:
    """A copy of the scripts beside their bytecode, which each host would have to make again otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="acestep-scripts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    compileall.compile_dir(folder, quiet=1)
    return folder


@cache
def noise_file(seconds: float, seed: int) -> Path:
    """Real audio (24 bit, 48 kHz, stereo), made once a process."""
    path = compiled_scripts().with_name(f"{compiled_scripts().name}-{seconds}-{seed}.wav")
    noise = np.random.default_rng(seed).uniform(-0.2, 0.2, (round(seconds * 48000), 2))
    soundfile.write(str(path), noise, 48000, subtype="PCM_24")
    atexit.register(path.unlink, missing_ok=True)
    return path


@dataclass
class Studio:
    """A fake REAPER with scripts installed, a home for the daemon, and a host to run scripts in."""

    folder: Path
    mode: str = "sub"
    home: Path = Path()  # of the daemon
    hosts: list[Host] = field(default_factory=list)
    python: str = ""  # the interpreter that REAPER embeds; empty: the one that runs the tests

    def __post_init__(self) -> None:
        self.home = self.home if self.home != Path() else self.folder / "home"
        self.fake = FakeReaper(str(self.folder))
        shutil.copytree(compiled_scripts(), self.folder / "scripts", copy_function=os.link)  # none is written to
        self.daemon = StandInDaemon(self.home)
        self.open_reaper()

    def open_reaper(self) -> None:
        """Starts a new host process, as starting REAPER does: temporary external state is gone."""
        if self.hosts:
            self.fake.ext_state = {k: v for k, v in self.fake.ext_state.items() if k in self.fake.persistent}
        self.hosts.append(Host(self.fake, self.mode, {"ACESTEP_BRIDGE_HOME": str(self.home)}, self.python))

    def close_reaper(self) -> None:
        self.host.close()

    @property
    def host(self) -> Host:
        return self.hosts[-1]

    def action(self, words: str) -> None:
        """Runs the entry script of that name, as a key press does; its deferred end comes before the next one."""
        path = self.folder / "scripts" / f"acestep_{words}.py"
        self.host.run(path)
        if str(path) in self.host.running and "Background" not in words:
            self.host.tick(1)

    def song(self, name: str = "drums.wav", seconds: float = 20.0, position: float = 0.0, seed: int = 0) -> Item:
        """A new track with an item of real audio (24 bit, 48 kHz, stereo)."""
        path = self.folder / name
        shutil.copyfile(noise_file(seconds, seed), path)
        return add_audio(self.fake.project, str(path), position)

    @property
    def project(self):
        return self.fake.project

    def save_tags(self, **values: str) -> None:
        """As if the settings dialog had been used before."""
        text = base64.b64encode(json.dumps({"tags": "house, drums", **values}).encode()).decode()
        self.fake.ext_state["acestep", "settings"] = text
        self.fake.persistent.add(("acestep", "settings"))

    def select(self, start: float, end: float, track: int = 0) -> None:
        """Time selection and one selected track."""
        self.fake.project.time_selection = (start, end)
        for index, found in enumerate(self.fake.project.tracks):
            found.selected = index == track

    def until(self, condition: Callable[[], bool], seconds: float = HANG_SECONDS) -> None:
        self.host.tick_until(condition, seconds)

    def finish(self) -> None:
        """Ticks until every batch is placed or has failed, and all peaks are built."""
        self.until(
            lambda: "done" in self.fake.help_text or "cancelled" in self.fake.help_text or self.fake.tooltips != []
        )
        self.host.tick(4)

    def wait_sent(self, count: int) -> None:
        """Ticks until the daemon has that many jobs."""
        self.until(lambda: len(self.daemon.jobs) >= count)

    def check(self) -> None:
        """No script did anything wrong."""
        assert self.host.errors == []
        assert self.fake.violations == []
        assert [d for d in self.fake.dialogs if "task control" in d[0]] == []
        assert self.fake.console == []
        assert [n for p in self.fake.projects for n in p.undo_names if n == AUTOMATIC] == []
        log = self.home / "reaper.log"
        assert not log.exists() or "Traceback" not in log.read_text(encoding="utf-8")


def stop_daemon(home: Path) -> None:
    connection = home / "connection.json"
    if not connection.exists():
        return
    pid = json.loads(connection.read_text(encoding="utf-8"))["pid"]
    os.kill(pid, 15)
    end = time.monotonic() + HANG_SECONDS
    while connection.exists() and time.monotonic() < end:
        time.sleep(0.05)

"""Every script in one process against the real daemon: in sub-interpreters, and with Python re-initialised.

Once in the suite, three times in the longer check.

The daemon's engine makes noise; `test_end_to_end.py` has the real engine.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator

import pytest

from tests.support import renderers
from tests.support.daemons import Daemon, running
from tests.support.golden15_runs import OURS
from tests.support.paths import SCRIPTS
from tests.support.patience import HANG_SECONDS
from tests.support.reaper.fake import Content, Marker
from tests.support.reaper.host import why_no_host
from tests.support.reaper.pressing import TAKE, controls

SERVICE = "Background service"
BASE = OURS / "tiny_checkpoint" / "base"  # of a model that is trained for single instruments
NAMES = sorted({p.stem.removeprefix("acestep_") for p in SCRIPTS.glob("*.py")} - {SERVICE})
ANSWERS: dict[str, object] = {  # what a user types or presses
    "Setup": 1,
    "Jobs - show": 1,
    "Settings": "house||||0.5|2|0.03|1||20|dry|yes|yes|ace|",
    "Remix selected items": "house|techno",
    "Edit lyrics of selected take": "house|la la|lo lo",
    "Generate at time selection from a prompt": "a calm piece for strings",
    "Add instrument to time selection": "bass|house",
    "Extract instrument from item": "vocals|",
    "Complete selection": "bass; drums|house",
    "Regenerate time selection as new take (dialog)": "house|la||1",
    "Regenerate time selection on new track (dialog)": "house|la||1",
}
POINTS = {  # undo points of all runs, where they are not one a run
    "Keep this take, drop our others": 1,  # after the first run there is none to drop
    "Commit this take": 1,  # after the first run there is one take only
    "Reject this take": 1,  # it then plays what it was made from, which is none of ours
    "Copy support report": 0,
    "Jobs - cancel all": 0,
    "Jobs - cancel last": 0,
    "Jobs - show": 0,
    "Settings": 0,
    "Setup": 0,
}

pytestmark = pytest.mark.skipif(bool(why_no_host()), reason=why_no_host() or "-")


@pytest.fixture(scope="module")
def real_daemon(tmp_path_factory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("real") / "home", renderer=renderers.NOISE) as daemon:
        yield daemon


def set_the_stage(studio) -> Content:
    """An item from 4 to 10 s with three takes of ours, in a region `ace: drums`; all is selected."""
    studio.save_tags(context_seconds="2", model=str(BASE))
    (studio.home / "presets").mkdir(exist_ok=True)
    for number in range(1, 9):
        preset = {"tags": f"preset {number}", "seed": number, "number_of_steps": 2}
        (studio.home / "presets" / f"{number}.json").write_text(json.dumps(preset), "utf-8")
    item = studio.song(seconds=6.0, position=4.0)
    item.selected = True
    studio.project.content.markers = [Marker(6.0, "ace: drums", 1, 8.0)]
    studio.project.mark("region")
    studio.project.cursor = 7.0
    runs(studio, TAKE, 3)
    assert len(studio.project.items()[0].takes) == 4
    return copy.deepcopy(studio.project.content)


def runs(studio, name: str, times: int) -> None:
    """Presses the key some times and waits for what comes of it, which is checked."""
    studio.select(2.0, 12.0) if "Extend" in name else studio.select(6.0, 8.0)
    points = len(studio.project.undo_names) + POINTS.get(name, times)
    for _ in range(times):
        if "cancel" in name:
            begin_something_long(studio)
        press(studio, name)
    if studio.mode == "reinit" and studio.fake.ext_state.get(("acestep", "queue")):
        studio.action(SERVICE)
    until(studio, lambda: len(studio.project.undo_names) >= points and not studio.fake.ext_state["acestep", "queue"])
    if "cancel" in name:
        until(studio, lambda: "cancelled" in studio.fake.help_text)
    if name == "Setup":  # its message to the daemon is on its way
        until(studio, lambda: "reaper_actions" in controls(studio.home))
    if studio.mode == "reinit":
        end_background(studio)
    assert len(studio.project.undo_names) == points, (name, studio.project.undo_names, studio.fake.help_text)
    assert studio.fake.tooltips == [] or POINTS.get(name) == 1, (name, studio.fake.tooltips)


def press(studio, name: str) -> None:
    """Runs the entry script and one tick; its dialog is answered."""
    studio.fake.answers = [ANSWERS[name]] if name in ANSWERS else []
    if studio.mode == "reinit":  # one interpreter at a time: as if the background script lived elsewhere
        studio.fake.ext_state["acestep", "heartbeat"] = repr(time.time())
    studio.action(name)
    assert studio.fake.answers == []
    studio.host.tick(1)


def begin_something_long(studio) -> None:
    """A job that ends when it is cancelled; it runs where the background script does."""
    studio.save_tags(tags="house steps=1000000 step_seconds=0.05")
    press(studio, TAKE)
    if studio.mode == "sub":
        until(studio, lambda: "denoise" in studio.fake.help_text)
    studio.save_tags(context_seconds="2", model=str(BASE))


def until(studio, condition) -> None:
    """Ticks faster than REAPER does until it holds."""
    end = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < end, (studio.fake.help_text, studio.fake.tooltips, studio.project.undo_names)
        studio.host.tick(1, 0.004)


def end_background(studio) -> None:
    """Another instance's token makes the background script end."""
    studio.fake.ext_state["acestep", "token"] = "another"
    studio.fake.ext_state.pop(("acestep", "heartbeat"), None)
    studio.host.tick(16)
    assert studio.host.running == []


@pytest.mark.parametrize(("mode", "times"), [("sub", 1), ("sub", 3), ("reinit", 3)])
def test_every_script_in_one_process(make_studio, real_daemon, mode, times):
    with real_daemon.client() as client:
        earlier = client.jobs().total
    studio = make_studio(mode, real_daemon.home)
    studio.fake.ext_state["acestep", "queue"] = ""
    studio.fake.nested = mode == "sub"
    stage = set_the_stage(studio)
    for name in NAMES:
        studio.project.content = copy.deepcopy(stage)
        studio.project.mark("from the start")
        studio.fake.tooltips.clear()
        runs(studio, name, times)
        if name == "Copy support report":
            assert len(studio.fake.console) == times
            studio.fake.console.clear()
    end_background(studio)
    studio.host.close()
    studio.check()
    with real_daemon.client() as client:
        assert len(client.controls().values["reaper_actions"]) == len(NAMES) + 1  # the panel is in Lua
        states = [job.state for job in client.jobs(limit=1000).jobs][: -earlier or None]
    assert set(states) == {"completed", "cancelled"} and states.count("completed") >= times * 15

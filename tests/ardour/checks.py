"""What is checked in Ardour, one after the other, in one session."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from bridge.client import Client
from bridge.client.start import daemon_environment
from bridge.protocol.errors import BridgeError
from tests.ardour.program import Ardour, say, wait_until
from tests.ardour.session_file import SavedPlaylist, SavedSession
from tests.support.paths import TINY

RATE = 44_100
LOOP_SECONDS = 8
FIRST, LAST = 3 * RATE + 17, 5 * RATE + 5  # of the range, on no grid
AT = RATE  # where the loop lies
FADE = int(0.05 * RATE)  # more than the engine's fades outside a region
SELECT = """
local say = ...
local function is_loop ()
  local names = {}
  for route in Editor:get_selection ().tracks:routelist ():iter () do names[#names + 1] = route:name () end
  return #names == 1 and names[1] == "loop"
end
for step = 1, 5 do
  if is_loop () then break end
  Editor:access_action ("Editor", "select-prev-stripable")
end
Editor:set_loop_range (Temporal.timepos_t (%d), Temporal.timepos_t (%d), "test")
Editor:access_action ("Editor", "select-loop-range")
local selection = Editor:get_selection ()
for route in selection.tracks:routelist ():iter () do say (route:name ()) end
say (selection.time:start_sample (), selection.time:end_sample ())
"""
IMPORT = """
local paths = C.StringVector ()
paths:push_back ("%s")
Editor:do_import (paths, Editing.ImportDistinctFiles, Editing.ImportAsTrack, ARDOUR.SrcQuality.SrcBest,
  ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
  Temporal.timepos_t (%d), ARDOUR.PluginInfo (), ARDOUR.Track (), false)
local map = Temporal.TempoMap.fetch_writable ()
map:set_tempo (Temporal.Tempo (100, 100, 4), Temporal.timepos_t (0))
map:set_meter (Temporal.Meter (3, 4), Temporal.timepos_t (0))
Temporal.TempoMap.update (map)
"""


class Setting:
    """The daemon with the tiny model, the installation, the actions by name."""

    def __init__(self, ardour: Ardour, home: Path, pictures: Path | None = None) -> None:
        self.ardour, self.home, self._pictures = ardour, home, pictures
        self.actions: dict[str, str] = {}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start_daemon(self) -> None:
        """One that renders with the tiny checkpoint."""
        command = [sys.executable, "-m", "bridge.daemon", "--home", str(self.home), "--model", str(TINY)]
        with open(self.home / "daemon.log", "ab") as log:
            environment = daemon_environment(self.home)
            self._daemons.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        wait_until("the daemon answers", (self.home / "connection.json").exists)

    def kill_daemon(self) -> None:
        """kill -9 of the daemon that was started last."""
        self._daemons[-1].kill()
        self._daemons[-1].wait()

    def stop(self) -> None:
        """End what runs, one that our own scripts have started among it."""
        self.ardour.kill()
        for process in self._daemons:
            process.terminate()
            process.wait()
        with contextlib.suppress(BridgeError), Client.connect(self.home) as client:
            client.shutdown()

    def settings(self, **values: object) -> None:
        """What the actions would ask for the first time."""
        told = {"tags": "house, drums", "number_of_steps": 2, "seed": 7, "retake_variance": 0.3}
        told |= {"model": TINY, **values}  # a daemon that our side starts knows no other
        (self.home / "ardour" / "settings").write_text("".join(f"{name}={value}\n" for name, value in told.items()))

    def select(self, first: int, last: int) -> None:
        """The track of the loop, and a range."""
        wanted = ["loop", f"{first}\t{last}"]
        wait_until("the selection", lambda: self.ardour.lua(SELECT % (first, last)) == wanted)

    def act(self, name: str) -> None:
        """One of our actions, by OSC."""
        self.ardour.action(self.actions[f"ACE-Step: {name}"])

    @property
    def wants_pictures(self) -> bool:
        """Whether pictures for the documents are made."""
        return self._pictures is not None

    def picture(self, name: str, zoom: bool = True) -> None:
        """A picture for the documents, where they are wanted."""
        if self._pictures:
            if zoom:
                self.ardour.lua("Editor:reset_zoom (450)")
            time.sleep(1.0)  # until it is drawn
            self.ardour.picture(self._pictures / f"ardour-{name}.png")

    @property
    def pending(self) -> str:
        """Ids of the jobs of the session."""
        return "".join(path.read_text() for path in (self.home / "ardour").glob("*.jobs"))

    def until_placed(self) -> float:
        """Wait until nothing is under way; seconds."""
        begun = time.monotonic()
        wait_until("the job is placed", lambda: not self.pending)
        return time.monotonic() - begun

    def saved(self) -> SavedSession:
        """The session as it is on the disk now."""
        self.ardour.save()
        return SavedSession(self.ardour.session)

    def request(self) -> dict[str, object]:
        """What the newest job was asked for."""
        with Client.connect(self.home) as client:
            job_id = client.jobs(limit=1).jobs[0].job_id
            return dict(client.result(job_id).recipe["request"])


def make_loop(path: Path) -> None:
    """Noise that decays each half second: a place that is wrong by one sample is seen."""
    time_axis = np.arange(RATE * LOOP_SECONDS) / RATE
    noise = np.random.default_rng(3).normal(0, 0.1, (time_axis.size, 2))
    soundfile.write(path, noise * np.exp(-(time_axis % 0.5) * 4)[:, None], RATE, subtype="FLOAT")


def opening(setting: Setting) -> None:
    """A loop is imported, a tempo map set; the installer has left the other's action in its slot."""
    loop = setting.ardour.folder / "loop.wav"
    make_loop(loop)
    setting.ardour.lua(IMPORT % (loop.as_posix(), AT))
    session = setting.saved()
    assert [region.position for region in session.playlists()["loop"].regions] == [AT]
    assert (session.playlists()["loop"].regions[0].samples() == soundfile.read(loop, dtype="float32")[0]).all()


def regenerates_a_range(setting: Setting) -> None:
    """A playlist of its own, exact to the sample; the old one as it was; tempo and meter were sent."""
    before = setting.saved().playlists()["loop"]
    setting.select(FIRST, LAST)
    setting.act("Regenerate range")
    wait_until("the job is noted", lambda: setting.pending)
    say(f"      action to region: {setting.until_placed():.1f} s, the engine's first load among them")
    session = setting.saved()
    new = session.playlists()["loop ACE-Step 1"]
    assert session.playing()["loop"] == "loop ACE-Step 1"
    assert session.playlists()["loop"] == before
    check_placed(before, new, FIRST, LAST)
    setting.picture("take")
    assert not [name for name in session.markers() if name.startswith("ACE-Step")]
    point = setting.request()["tempo_map"][0]  # type: ignore[index]
    assert (point["bpm"], point["numerator"], point["denominator"]) == (100, 3, 4)
    assert abs(point["bar_phase"] - (AT / RATE * 100 / 60 / 3) % 1) < 1e-3


def check_placed(before: SavedPlaylist, after: SavedPlaylist, first: int, last: int) -> None:
    """Outside the range what was there, inside something else; the new file's edges are the old samples in place."""
    (old,) = before.regions
    new = next(region for region in after.regions if "ACE-Step" in region.name)
    assert first - FADE <= new.position <= first and last <= new.end <= last + FADE, (new.position, new.end)
    length = max(old.end, new.end)
    was, now = before.played(length), after.played(length)
    outside = np.r_[0 : new.position, new.end : old.end]
    assert (was[outside] == now[outside]).all()
    assert np.abs(was[first:last] - now[first:last]).max() > 0.01
    edge, source = new.samples()[:8], was[new.position : new.position + 8]
    assert np.abs(edge - source).max() < 1e-3 < np.abs(edge - was[new.position + 1 : new.position + 9]).max()


def undoes_in_one_step(setting: Setting) -> None:
    """One undo takes the region away, one redo brings it back."""
    setting.ardour.lua("Editor:undo (1)")
    assert len(setting.saved().playlists()["loop ACE-Step 1"].regions) == 1
    setting.ardour.lua("Editor:redo (1)")
    assert len(setting.saved().playlists()["loop ACE-Step 1"].regions) == 2


def steps_through_takes(setting: Setting) -> None:
    """Playlists in the order of their names, round and round."""
    wait_playing(setting, "Next take", "loop")
    wait_playing(setting, "Previous take", "loop ACE-Step 1")
    wait_playing(setting, "Previous take", "loop")


def wait_playing(setting: Setting, action: str, playlist: str) -> None:
    setting.act(action)
    wait_until(f"{playlist} plays", lambda: setting.saved().playing()["loop"] == playlist)


def regenerates_on_a_new_track(setting: Setting) -> None:
    """The track that it was made from stays as it is."""
    before = setting.saved().playlists()["loop"]
    setting.select(FIRST, LAST)
    setting.act("Regenerate range on new track")
    wait_until("the job is noted", lambda: setting.pending)
    setting.until_placed()
    session = setting.saved()
    assert session.playing()["loop"] == "loop" and session.playlists()["loop"] == before
    (region,) = session.playlists()[session.playing()["loop ACE-Step"]].regions
    assert region.position <= FIRST and region.end >= LAST


def retakes(setting: Setting) -> None:
    """A variation of what plays there."""
    before = setting.saved().playlists()["loop"]
    setting.select(FIRST, LAST)
    setting.act("Retake")
    wait_until("the job is noted", lambda: setting.pending)
    setting.until_placed()
    session = setting.saved()
    check_placed(before, session.playlists()[session.playing()["loop"]], FIRST, LAST)
    assert setting.request()["variance"] == 0.3


def extends(setting: Setting) -> None:
    """New music from the loop's end up to the range's; nothing before it changes."""
    wait_playing(setting, "Next take", "loop")
    end = AT + RATE * LOOP_SECONDS
    setting.select(end - RATE, end + 2 * RATE + 3)
    setting.act("Extend to end of range")
    wait_until("the job is noted", lambda: setting.pending)
    setting.until_placed()
    session = setting.saved()
    after, before = session.playlists()[session.playing()["loop"]], session.playlists()["loop"]
    new = next(region for region in after.regions if "ACE-Step" in region.name)
    assert end - FADE <= new.position <= end and new.end == end + 2 * RATE + 3, (new.position, new.end, end)
    assert (after.played(new.end)[: new.position] == before.played(new.end)[: new.position]).all()


def cancels(setting: Setting) -> None:
    """Nothing is placed, the daemon's job is cancelled, the marker goes."""
    names = set(setting.saved().playlists())
    begin_long_job(setting)
    setting.act("Cancel")
    say(f"      cancel to gone: {setting.until_placed():.1f} s")
    with Client.connect(setting.home) as client:
        assert client.jobs(limit=1).jobs[0].state == "cancelled"
    session = setting.saved()
    assert set(session.playlists()) == names
    assert not [name for name in session.markers() if name.startswith("ACE-Step")]


def begin_long_job(setting: Setting) -> None:
    setting.settings(number_of_steps=80)
    setting.select(FIRST, LAST)
    setting.act("Regenerate range")
    wait_until("the job runs", lambda: "%" in progress(setting))
    setting.settings()


def progress(setting: Setting) -> str:
    return "".join(path.read_text() for path in (setting.home / "ardour").glob("*.progress"))


def shows_progress(setting: Setting) -> None:
    """A range marker over the range says how far it is."""
    begin_long_job(setting)
    wait_until("the marker", lambda: any("ACE-Step: " in name and "%" in name for name in setting.saved().markers()))
    setting.picture("progress")


def outlives_the_daemon(setting: Setting) -> None:
    """Of the job that runs now: the daemon is killed; another one is started, and makes it to its end."""
    names = set(setting.saved().playlists())
    setting.kill_daemon()
    setting.until_placed()
    assert len(set(setting.saved().playlists()) - names) == 1


def outlives_ardour(setting: Setting) -> None:
    """Ardour is killed while it renders; the result is placed when the session is open again."""
    names = set(setting.saved().playlists())
    begin_long_job(setting)
    setting.ardour.kill()
    setting.ardour.start()
    setting.until_placed()
    session = setting.saved()
    assert len(set(session.playlists()) - names) == 1
    assert not [name for name in session.markers() if name.startswith("ACE-Step")]


def asks_for_settings(setting: Setting) -> None:
    """What was set stands in the dialog; only pictured, since a dialog is closed by a hand."""
    if setting.wants_pictures:
        setting.settings(model="")
        setting.act("Settings")
        time.sleep(2.0)  # until it is open; no Lua runs while it is
        setting.picture("settings", zoom=False)
        setting.ardour.key("Escape")


def holds_the_main_thread_shortly(setting: Setting) -> None:
    """Told, not judged: how long one step of the background script was at most."""
    (alive,) = (setting.home / "ardour").glob("*.alive")
    say(f"      longest step without Ardour's own import: {alive.read_text().splitlines()[0].partition('=')[2]} ms")


CHECKS: tuple[Callable[[Setting], None], ...] = (
    opening,
    regenerates_a_range,
    undoes_in_one_step,
    steps_through_takes,
    regenerates_on_a_new_track,
    retakes,
    extends,
    cancels,
    shows_progress,
    outlives_the_daemon,
    outlives_ardour,
    asks_for_settings,
    holds_the_main_thread_shortly,
)

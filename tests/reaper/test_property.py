"""Random sequences of what users do: no audio lost, one undo point an action, nothing changed outside the region."""

from __future__ import annotations

import base64
import json
import random

import numpy as np
import pytest
import soundfile

from tests.support.reaper.fake import Project, split
from tests.support.reaper.pressing import TAKE, TRACK

SERVICE = "Background service"
STEPS = 22
ON_TAKES = ("Next take", "Previous take", "Compare with original", "Commit this take", "Reject this take")
FADE_SECONDS = 0.03


NONE = base64.b64encode(b"[]").decode()  # the background script's list of jobs


class Session:
    """Draws and does steps; watches every undo point of the first project."""

    def __init__(self, studio, seed: int) -> None:
        self.studio = studio
        self.random = random.Random(seed)
        self.placed: set[str] = set()  # jobs that were seen in the project
        self.points = 0  # undo points that brought results
        self.cut: set[str] = set()  # takes that the user's own commit or reject removed
        self._watch(self.project)

    @property
    def project(self):
        return self.studio.fake.projects[0]

    def _watch(self, project) -> None:
        mark = project.mark

        def watched(description: str) -> None:
            before = project.history[project.position][1]
            mark(description)
            if description.startswith("ACE-Step"):
                self._check_point(description, before, project.history[project.position][1])

        project.mark = watched

    def _check_point(self, description: str, before, after) -> None:
        """Our undo points add takes and tracks, and change nothing else."""
        new = jobs_of(after) - jobs_of(before)
        if new:
            self.points += 1
            assert new & self.placed == set(), f"{description}: placed twice"
            self.placed |= new
        kept = {i.guid: i for t in after.tracks for i in t.items}
        for item in [i for t in before.tracks for i in t.items]:
            assert item.guid in kept, f"{description}: an item is gone"
            now = kept[item.guid]
            assert now.values == item.values, f"{description}: an item changed"
            if not new:
                continue
            takes = {t.guid: t for t in now.takes}
            for take in item.takes:
                assert takes[take.guid] == take, f"{description}: a take changed"

    # what users do
    def _in_front(self) -> bool:
        return self.studio.fake.active == 0 and bool(self.project.items())

    def select(self) -> None:
        start = self.random.choice([1.0, 2.5, 4.0, 6.0, 9.0])
        self.studio.select(start, start + self.random.choice([0.5, 2.0, 4.0]))
        both = self.random.random() < 0.3
        wanted = self.random.randrange(len(self.project.tracks)) if self.project.tracks else 0
        for index, track in enumerate(self.project.tracks):
            track.selected = both or index == wanted
            track.razor = ""
        for item in self.project.items():
            item.selected = self.random.random() < 0.2
        if self.random.random() < 0.15:
            self.random.choice(self.project.tracks).razor = '2.0 3.5 "",5.0 6.0 ""'

    def regenerate(self) -> None:
        if self._in_front():
            self.studio.action(self.random.choice([TAKE, TAKE, TRACK]))

    def again(self) -> None:
        if self._in_front():
            words = ["Do it again (new seed)", "Do it again (same seed)", "Retake"]
            self.studio.action(self.random.choice(words))

    def choose(self) -> None:
        if self._in_front():
            self.studio.action(self.random.choice(ON_TAKES))

    def _edit(self, change) -> None:
        items = self.project.items()
        if self._in_front() and items:
            change(self.random.choice(items))
            self.project.mark("the user edits")

    def move(self) -> None:
        self._edit(lambda item: item.values.update(D_POSITION=self.random.choice([0.0, 1.0, 3.0])))

    def split(self) -> None:
        def cut(item) -> None:
            right = split(item, item.start + item.values["D_LENGTH"] / 2)
            self.project.track_of(item).items.append(right)

        self._edit(cut)

    def delete(self) -> None:
        def remove(item) -> None:
            owner = self.project.track_of(item)
            owner.items = [i for i in owner.items if i is not item]

        if len(self.project.items()) > 1:
            self._edit(remove)

    def loop(self) -> None:
        self._edit(lambda item: item.values.update(D_LENGTH=item.values["D_LENGTH"] + 3.0))

    def lock(self) -> None:
        self._edit(lambda item: item.values.update(C_LOCK=1.0 - item.values["C_LOCK"]))

    def undo(self) -> None:
        if self.project.position > 2:
            self.project.move_in_history(-1)

    def redo(self) -> None:
        self.project.move_in_history(1)

    def record(self) -> None:
        self.project.play_state = 5 - self.project.play_state

    def switch_tab(self) -> None:
        self.studio.fake.active = 1 - self.studio.fake.active

    def ticks(self) -> None:
        self.studio.host.tick(self.random.randint(5, 40), 0.004)

    def restart_service(self) -> None:
        self.studio.fake.ext_state["acestep", "token"] = "another"
        self.studio.fake.ext_state.pop(("acestep", "heartbeat"), None)
        self.studio.host.tick(16)
        self.studio.fake.help_text = ""

    def restart_daemon(self) -> None:
        self.studio.daemon.stop()
        self.studio.host.tick(self.random.randint(0, 5), 0.01)
        self.studio.daemon.start()

    def restart_reaper(self) -> None:
        self.studio.close_reaper()
        self.studio.open_reaper()
        self.studio.fake.help_text = ""

    def step(self) -> None:
        often = ["select", "regenerate", "ticks"] * 4 + ["move", "split", "undo", "redo", "again", "choose"] * 2
        seldom = ["delete", "loop", "lock", "record", "switch_tab"]
        seldom += ["restart_service", "restart_daemon", "restart_reaper"]
        name = self.random.choice(often + seldom)
        getattr(self, name)()

    def settle(self) -> None:
        """Back in the first tab, not recording, until nothing is under way."""
        self.studio.fake.active = 0
        self.project.play_state = 0
        if SERVICE not in "".join(self.studio.host.running):
            self.studio.action(SERVICE)
        placed, jobs = self.studio.home / "reaper_placed.json", self.studio.daemon.jobs
        calm = 0

        def quiet() -> bool:
            """For 0.4 s: longer than what goes on is left unsaid."""
            nonlocal calm
            said = any(word in self.studio.fake.help_text for word in ("rendering", "placing", "waits"))
            busy = said or self.studio.fake.ext_state.get(("acestep", "jobs"), NONE) != NONE
            done = not jobs or (placed.exists() and all(f'"{j}"' in placed.read_text() for j in jobs))
            calm = calm + 1 if done and not busy else 0
            return calm > 12

        self.studio.until(quiet)
        self.studio.host.tick(20)


def jobs_of(content) -> set[str]:
    """Ids of the jobs whose results are in a project's content."""
    takes = [take for track in content.tracks for item in track.items for take in item.takes]
    return {take.ext["acestep_job"].partition("/")[0] for take in takes if "acestep_job" in take.ext}


def read(path: str) -> np.ndarray:
    return soundfile.read(path, dtype="float64", always_2d=True)[0]


def outside_is_unchanged(take, original) -> bool:
    """A take made from its original's file equals it wherever the recipe did not put something new."""
    came, made = json.loads(take.ext["acestep_from"]), json.loads(take.ext["acestep_recipe"])["request"]
    if came["kind"] not in ("clip", "full") or made["task"] != "inpaint" or not original.source.path:
        return True
    old, new, origin = read(original.source.path), read(take.source.path), round(came["origin"] * 48000)
    old = old[origin : origin + len(new)]
    first = max(round((made["start_time"] - FADE_SECONDS) * 48000) - origin - 1, 0)
    last = round((made["end_time"] + FADE_SECONDS) * 48000) - origin + 1
    same_place = original.values["D_STARTOFFS"] - came["origin"] == pytest.approx(take.values["D_STARTOFFS"])
    return same_place and np.array_equal(old[:first], new[:first]) and np.array_equal(old[last:], new[last:])


@pytest.fixture
def session(studio, seed):
    """Two tracks: 12 s from the middle of a longer file (at half speed for odd seeds), and two files in a row."""
    studio.save_tags(snap_to_bars="no", context_seconds="2")
    item = studio.song("long.wav", seconds=40.0, seed=1)
    item.takes[0].values.update(D_STARTOFFS=8.0, D_PLAYRATE=0.5 if seed % 2 else 1.0)
    item.values["D_LENGTH"] = 12.0
    studio.song("one.wav", seconds=6.0, seed=2)
    studio.song("two.wav", seconds=6.0, position=6.0, seed=3)
    studio.project.tracks[1].items += studio.project.tracks.pop().items
    studio.project.mark("arrange")
    studio.fake.projects.append(Project(f"{studio.folder}/other.rpp", str(studio.folder)))
    return Session(studio, seed)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_random_sequences(session):
    studio = session.studio
    session.select()
    for _ in range(STEPS):
        session.step()
    session.settle()
    jobs = {j for j, job in studio.daemon.jobs.items() if job["state"] == "completed"}
    assert session.placed == jobs  # nothing lost, nothing twice (`_check_point`)
    batches = {studio.daemon.jobs[j]["client_data"]["batch"] for j in jobs}
    assert session.points == len(batches)  # one undo point a key press
    checked = set()
    for content in [content for _, content in session.project.history]:
        for item in [i for t in content.tracks for i in t.items]:
            by_guid = {t.guid: t for t in item.takes}
            for take in item.takes:
                assert soundfile.info(take.source.path).frames > 0  # redo needs every file that was ever placed
                original = by_guid.get(take.ext.get("acestep_original", ""))
                if original is not None and take.source.path not in checked:
                    checked.add(take.source.path)
                    assert outside_is_unchanged(take, original)
    assert studio.fake.projects[1].items() == []
    assert list((studio.home / "captures").glob("*")) == []
    studio.check()

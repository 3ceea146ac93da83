"""Random sequences of what users do: no audio lost, one undo point an action, nothing changed outside the region."""

from __future__ import annotations

import random

import numpy as np
import pytest
import soundfile
from fake import Project, split

TAKE = "Regenerate time selection as new take"
STEPS = 14


class Session:
    """Draws and does steps; remembers what each placed take must equal outside its region."""

    def __init__(self, studio, seed: int) -> None:
        self.studio = studio
        self.random = random.Random(seed)
        self.commands = 0

    @property
    def project(self):
        return self.studio.fake.projects[0]

    def regenerate(self) -> None:
        if self.studio.fake.active != 0 or not self.project.items():
            return
        start = self.random.choice([2.0, 4.0, 6.0])
        self.studio.select(start, start + 2.0)
        self.commands += 1
        self.studio.action(TAKE)

    def move(self) -> None:
        for item in self.project.items()[:1]:
            item.values["D_POSITION"] = self.random.choice([0.0, 1.0, 3.0])
            self.project.mark("Move items")

    def split(self) -> None:
        for item in self.project.items()[:1]:
            at = item.start + item.values["D_LENGTH"] / 2
            self.project.track_of(item).items.append(split(item, at))
            self.project.mark("Split items")

    def delete(self) -> None:
        if len(self.project.items()) > 1:
            item = self.project.items()[0]
            owner = self.project.track_of(item)
            owner.items = [i for i in owner.items if i is not item]
            self.project.mark("Delete items")

    def undo(self) -> None:
        if self.project.position > 1:
            self.project.move_in_history(-1)

    def redo(self) -> None:
        self.project.move_in_history(1)

    def switch_tab(self) -> None:
        self.studio.fake.active = 1 - self.studio.fake.active

    def ticks(self) -> None:
        self.studio.host.tick(self.random.randint(1, 12), 0.005)

    def restart(self) -> None:
        self.studio.close_reaper()
        self.studio.open_reaper()

    def step(self) -> None:
        names = ["regenerate"] * 4 + ["move", "split", "delete", "undo", "redo", "switch_tab", "ticks", "ticks"]
        getattr(self, self.random.choice([*names, "restart"] if self.random.random() < 0.15 else names))()

    def settle(self) -> None:
        """Back in the first tab, until nothing is under way."""
        self.studio.fake.active = 0
        self.studio.host.run(self.studio.folder / "scripts" / "acestep_Background service.py")
        placed = self.studio.home / "reaper_placed.json"
        jobs = self.studio.daemon.jobs
        self.studio.until(lambda: (placed.exists() and all(j in placed.read_text() for j in jobs)) or not jobs, 20)
        self.studio.host.tick(20)


def outside_is_unchanged(item) -> bool:
    """Every take of ours equals its original wherever the recipe did not put something new."""
    import json

    by_guid = {t.guid: t for t in item.takes}
    for take in item.takes:
        original = by_guid.get(take.ext.get("acestep_original", ""))
        if original is None:
            continue
        made = json.loads(take.ext["acestep_recipe"])["request"]
        old = soundfile.read(original.source.path, dtype="float32", always_2d=True)[0]
        new = soundfile.read(take.source.path, dtype="float32", always_2d=True)[0]
        first, last = round(made["start_time"] * 48000), round(made["end_time"] * 48000)
        if not (np.array_equal(old[:first], new[:first]) and np.array_equal(old[last:], new[last:])):
            return False
    return True


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_random_sequences(studio, seed):
    studio.save_tags(snap_to_bars="no")
    studio.song(seconds=10.0)
    studio.fake.projects.append(Project(f"{studio.folder}/other.rpp", str(studio.folder)))
    session = Session(studio, seed)
    for _ in range(STEPS):
        session.step()
    session.settle()
    project = session.project
    for item in [i for _, content in project.history for t in content.tracks for i in t.items]:
        assert outside_is_unchanged(item)
        for take in item.takes:
            assert soundfile.info(take.source.path).frames > 0  # redo needs every file that was ever placed
    ours = [n for n, _ in project.history if n.startswith("ACE-Step")]
    assert len(ours) <= len(studio.daemon.jobs)  # one undo point an action (undo drops some of them)
    assert studio.fake.projects[1].items() == []
    assert studio.host.errors == []
    assert studio.fake.violations == []

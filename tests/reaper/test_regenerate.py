"""Regenerate the time selection as a new take: through the C host, over the fake, against a stand-in daemon."""

from __future__ import annotations

import numpy as np
import soundfile

ACTION = "Regenerate time selection as new take"


def read(path: str) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def first_take(studio, start=8.0, end=12.0):
    item = studio.song()
    studio.select(start, end)
    studio.fake.answers = ["house, drums"]
    studio.action(ACTION)
    studio.until(lambda: len(studio.fake.project.items()[0].takes) == 2)
    return item


def test_new_take_undo_redo(studio):
    first_take(studio)
    studio.finish()
    item = studio.fake.project.items()[0]
    old, new = item.takes
    assert item.active == 1
    before, after = read(old.source.path), read(new.source.path)
    assert np.array_equal(before[: 8 * 48000], after[: 8 * 48000])
    assert np.array_equal(before[12 * 48000 :], after[12 * 48000 :])
    assert not np.array_equal(before[8 * 48000 : 12 * 48000], after[8 * 48000 : 12 * 48000])
    assert new.ext["acestep_recipe"] and new.name.startswith("ACE-Step")
    assert studio.fake.project.undo_names[-1] == "ACE-Step: regenerate as new take"
    assert studio.fake.Undo_DoUndo2(0) == 1
    assert [len(i.takes) for i in studio.fake.project.items()] == [1]
    assert studio.fake.Undo_DoRedo2(0) == 1
    assert studio.fake.project.items()[0].takes[1].source.path == new.source.path
    studio.host.tick(5)
    studio.check()


def test_twice_within_a_second_gives_two_takes_and_no_dialog(studio):
    studio.song()
    studio.select(8.0, 12.0)
    studio.fake.answers = ["house"]
    studio.action(ACTION)
    studio.action(ACTION)
    studio.until(lambda: len(studio.fake.project.items()[0].takes) == 3)
    studio.action(ACTION)
    studio.until(lambda: len(studio.fake.project.items()[0].takes) == 4)
    assert len({t.source.path for t in studio.fake.project.items()[0].takes}) == 4
    assert len(studio.fake.dialogs) == 1  # the first run asked for tags
    studio.check()

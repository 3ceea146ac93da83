"""Regenerate in the C host over the fake REAPER, against the real daemon and engine: take, undo, redo."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import soundfile

from tests.support.reaper.pressing import TAKE


def test_take_undo_redo_with_the_real_daemon(real_studio):
    studio = real_studio
    item = studio.song(seconds=9.0)
    studio.project.content.tempo[0].bpm = 124.0
    studio.project.mark("tempo")
    studio.select(6.0, 7.0)
    studio.save_tags(tags="house, 124 bpm, drums", steps="3", seed="7", context_seconds="1", snap_to_bars="no")
    before = time.monotonic()
    studio.action(TAKE)
    studio.action(TAKE)
    print(f"two key presses: {time.monotonic() - before:.2f} s")
    studio.until(lambda: len(studio.project.items()[0].takes) == 3 or studio.fake.tooltips != [])
    assert studio.fake.tooltips == []
    item = studio.project.items()[0]
    old, new = (soundfile.read(t.source.path, dtype="float32", always_2d=True)[0] for t in item.takes[:2])
    fade = round(0.03 * 48000) + 1
    first, last = 6 * 48000 - fade, 7 * 48000 + fade
    assert new.shape == old.shape
    assert np.array_equal(new[:first], old[:first]) and np.array_equal(new[last:], old[last:])
    assert not np.array_equal(new[first:last], old[first:last])
    recipe = json.loads(item.takes[1].ext["acestep_recipe"])
    assert recipe["request"]["seed"] == 7 and recipe["request"]["task"] == "inpaint"
    path = item.takes[2].source.path
    assert studio.fake.Undo_DoUndo2(0) == 1 and len(studio.project.items()[0].takes) == 2
    assert studio.fake.Undo_DoRedo2(0) == 1
    assert studio.project.items()[0].takes[2].source.path == path and Path(path).exists()
    studio.check()

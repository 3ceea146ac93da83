"""What a crash left in the folder of captures goes at the next start, whatever cannot be removed."""

from __future__ import annotations

import os
import time

from tests.support.reaper.pressing import TAKE


def test_what_cannot_be_removed_keeps_no_other(studio):
    captures = studio.home / "captures"
    captures.mkdir(parents=True)
    long_ago = time.time() - 400 * 86400
    for number in range(8):  # a folder is no file that can be removed; the order of a listing is the system's
        (captures / f"{number}-folder").mkdir()
        (captures / f"{number}.wav").write_bytes(b"x")
    for path in captures.iterdir():
        os.utime(path, (long_ago, long_ago))
    (captures / "new.wav").write_bytes(b"x")
    studio.save_tags()
    studio.song()
    studio.select(8.0, 12.0)
    studio.action(TAKE)
    studio.finish()
    assert sorted(path.name for path in captures.glob("*.wav")) == ["new.wav"]

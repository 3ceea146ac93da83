"""Writes the layouts in this folder: `python docs/layouts/make_layouts.py` (needs py2tosc, at development time only).

One description (`board.py`), two kinds of file: TouchOSC (.tosc, with an .svg picture a page) and Open Stage Control
(.json), each on the size of a phone and of a tablet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from board import ROOT, Board, boards  # noqa: E402
from stage_control import session  # noqa: E402

SHOWN = {
    f"{ROOT}{path}": value
    for path, value in {
        "region/bars/5/lamp": 1.0, "repeat/8/lamp": 1.0, "preset/B/lamp": 1.0, "take/2/lamp": 1.0, "source/1/lamp": 1.0,
        "take/1/name": "loop inpaint", "take/2/name": "loop inpaint 2", "take/3/name": "loop inpaint 3",
        "source/1/name": "loop", "source/2/name": "verse", "source/words": "loop.wav", "original_tags": "rock, guitar",
        "status": "inpaint: denoise 9 of 27", "progress": 0.42, "take/words": "take 2 of 3", "alive": 1.0,
        "seed/words": "seed 1862039 locked", "repeat/words": "each 8 bars", "remaining/words": "12 s left",
        "variance": 0.35, "strength": 0.7, "guidance_scale": 0.47, "seed/lock": 1.0, "tags": "house, 124 bpm, drums",
        "region/words": "8 to 16 s", "seed": "1862039", "variance/words": "35%", "strength/words": "70%",
        "guidance_scale/words": "14.1", "duration/words": "60 s", "extend_after_duration/words": "8 s", "beat": "3",
        "clock/words": "Link, 1 peer, 124 bpm", "take/quantize/bar/lamp": 1.0, "clock/link": 1.0,
        "take/pending/words": "take 3 at the next bar",
    }.items()
}  # fmt: skip


def session_file(board: Board) -> Path:
    """Where a board's session of Open Stage Control lies."""
    return HERE / f"open-stage-control{'' if board.name == 'tablet' else '-' + board.name}.json"


def main() -> None:
    from touch_osc import document, picture

    for board in boards():
        session_file(board).write_text(json.dumps(session(board), indent=1, ensure_ascii=False) + "\n", "utf-8")
        made = document(board)
        made.save(HERE / f"acestep-{board.name}.tosc", validate=True)
        for number in range(len(board.pages)):
            ending = f"-{number + 1}" if len(board.pages) > 1 else ""
            (HERE / f"acestep-{board.name}{ending}.svg").write_text(picture(board, number, SHOWN), "utf-8")


if __name__ == "__main__":
    main()

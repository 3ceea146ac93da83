"""Ticks of the background script, idle and at work, and the time from a key press to the first visible line.

Run: python -m tests.bench.bench_reaper_ticks. The scripts run in the C host over the fake REAPER, against the real
daemon with an engine that makes noise. Each API call goes through a socket to the fake, which costs far more than
REAPER's own, so ticks are told with and `without calls` of REAPER's API; `processor` is what the scripts' own code
takes of the processor, calls left out, on a machine however busy. Capturing reads until 1.5 ms of a tick are over:
with the fake's slow answers that is one chunk a tick. Prints a table and, last, one JSON line in milliseconds.
"""

from __future__ import annotations

import ast
import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.bench_tick_probe import PROBE
from tests.support import renderers
from tests.support.daemons import running
from tests.support.reaper.studio import Studio

TAKE = "Regenerate time selection as new take"
IDLE_TICKS = 2000
ROUNDS = 6
PRESSES = 20
ITEM_SECONDS = 60.0
IDLE_GOAL_MS = 0.2
KEY_PRESS_GOAL_MS = 200.0
OTHER_GOAL_MS = 5.0  # of every other tick but the placing


def main() -> None:
    """Table for people, one JSON line for programs."""
    with (
        tempfile.TemporaryDirectory() as name,
        running(Path(name) / "home", renderer=renderers.NOISE) as daemon,
    ):
        presses = key_presses(studio_in(Path(name) / "presses", daemon.home))
        ticks = working_ticks(studio_in(Path(name) / "ticks", daemon.home))
    result: dict[str, object] = {
        what.replace(", ", "_"): told(what, values, KEY_PRESS_GOAL_MS if what.startswith("key") else None)
        for what, values in sorted(presses.items())
    }
    for kind in sorted(ticks):
        goal = {"idle": IDLE_GOAL_MS, "placing": None}.get(kind, OTHER_GOAL_MS)
        result[kind] = {
            label.replace(" ", "_"): told(f"{kind}, {label}", [row[index] * 1000 for row in ticks[kind]], goal)
            for index, label in enumerate(("with calls", "without calls", "processor"))
        }
    print(json.dumps({"bench": "reaper_ticks", **result}))


def told(what: str, values_ms: list[float], goal_ms: float | None) -> dict[str, float]:
    """Prints a line; gives median, p99 and maximum."""
    ordered = sorted(values_ms)
    p99 = ordered[int(len(ordered) * 0.99)]
    found = {"median_ms": statistics.median(ordered), "p99_ms": p99, "max_ms": ordered[-1]}
    words = "   ".join(f"{name[:-3]} {value:8.3f} ms" for name, value in found.items())
    print(f"{what:32} {words}   of {len(ordered)}" + (f", goal {goal_ms:g} ms" if goal_ms else ""), flush=True)
    return found


def studio_in(folder: Path, home: Path) -> Studio:
    """Two tracks of a minute: the first take's own file is worked on, the second is captured from the track."""
    folder.mkdir()
    studio = Studio(folder, "sub", home)
    studio.save_tags(tags="house steps=20 step_seconds=0.02", snap_to_bars="no")
    for seed, name in enumerate(("file.wav", "captured.wav")):
        studio.song(name, seconds=ITEM_SECONDS, seed=seed)
    studio.project.items()[1].takes[0].stretch_markers = 1
    studio.project.mark("stretch")
    return studio


def key_presses(studio: Studio) -> dict[str, list[float]]:
    """Milliseconds from running an entry script to the first text that it shows, and, in turns, of an empty script.

    Both hold what it takes to make an interpreter. `..., processor`: of the host's process alone (Linux).
    """
    shown: list[tuple[float, float]] = []
    studio.fake.Help_Set = lambda text, temporary: shown.append(clocks(studio))  # type: ignore[method-assign]
    studio.select(20.0, 24.0)
    nothing = studio.folder / "nothing.py"
    nothing.write_text("pass\n", encoding="ascii")
    found: dict[str, list[float]] = {}
    for _ in range(PRESSES):
        start = clocks(studio)
        studio.host.run(nothing)
        _note(found, "empty script", start, clocks(studio))
        shown.clear()
        studio.fake.ext_state["acestep", "heartbeat"] = repr(time.time())  # only the key press, no background script
        start = clocks(studio)
        studio.action(TAKE)
        _note(found, "key press", start, shown[0])
    studio.host.close()
    return found


def clocks(studio: Studio) -> tuple[float, float]:
    """(now, processor time of the host's process) in milliseconds."""
    scheduled = Path(f"/proc/{studio.host.process.pid}/schedstat")
    processor = int(scheduled.read_text("ascii").split()[0]) / 1e6 if scheduled.exists() else 0.0
    return time.perf_counter() * 1000, processor


def _note(found: dict[str, list[float]], what: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    found.setdefault(what, []).append(end[0] - start[0])
    found.setdefault(f"{what}, processor", []).append(end[1] - start[1])


def working_ticks(studio: Studio) -> dict[str, list[tuple[float, ...]]]:
    """(seconds of a tick, seconds without REAPER's API, processor seconds) by what the tick did."""
    service = studio.folder / "scripts" / "bench.py"
    service.write_text(PROBE, encoding="ascii")
    studio.host.run(service)
    studio.host.tick(IDLE_TICKS)
    for number in range(ROUNDS):
        studio.select(20.0, 24.0, track=number % 2)
        points = len(studio.project.undo_names)
        studio.action(TAKE)
        studio.until(lambda: len(studio.project.undo_names) > points, 120)  # noqa: B023
    studio.fake.ext_state["bench", "end"] = "1"
    studio.host.tick(2)
    studio.host.close()
    assert studio.host.errors == [] and studio.fake.tooltips == [], (studio.host.errors, studio.fake.tooltips)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for kind, whole, calls, processor in ast.literal_eval(studio.fake.ext_state["bench", "spent"]):
        rows.setdefault(kind, []).append((whole, whole - calls, processor))
    return rows


if __name__ == "__main__":
    main()

"""How long one tick of the background script takes, measured inside the script over the fake REAPER.

Run: python tests/bench/bench_reaper_ticks.py. Each API call goes through a socket to the fake, which costs far more
than REAPER's own, so `without calls` subtracts them. Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import ast
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "reaper"))

from fake import FakeReaper  # noqa: E402
from host import Host  # noqa: E402

TICKS = 2000
SCRIPT = """
import time
from acestep_reaper import background as acestep_background
spent, calls = [], [0.0, 0]
real = acestep_background.RPR_GetExtState
def timed(section, key):
    start = time.perf_counter()
    found = real(section, key)
    calls[0] += time.perf_counter() - start
    return found
from acestep_reaper import extstate
extstate.RPR_GetExtState = timed
acestep_background.start()
inner = acestep_background.tick
def tick():
    calls[0] = 0.0
    start = time.perf_counter()
    inner()
    whole = time.perf_counter() - start
    spent.append((whole, whole - calls[0]))
    if len(spent) == %d:
        RPR_SetExtState("bench", "spent", repr(spent), 0)
acestep_background.tick = tick
"""


def measure() -> list[tuple[float, float]]:
    """(seconds of a tick, seconds without the idle call to the fake) of idle ticks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "reaper_scripts", folder / "scripts")
        (folder / "scripts" / "bench.py").write_text(SCRIPT % TICKS, encoding="ascii")
        fake = FakeReaper(str(folder))
        host = Host(fake, "sub", {"ACESTEP_BRIDGE_HOME": str(folder / "home")})
        host.run(folder / "scripts" / "bench.py")
        host.tick(TICKS + 2)
        host.close()
        assert host.errors == [], host.errors
        return ast.literal_eval(fake.ext_state["bench", "spent"])


def main() -> None:
    """Table for people, one JSON line for programs."""
    rows = measure()
    result = {}
    for index, label in enumerate(("with calls", "without calls")):
        values = sorted(row[index] * 1000 for row in rows)
        result[label] = {"median_ms": statistics.median(values), "p99_ms": values[int(len(values) * 0.99)]}
        print(f"{label:14} median {result[label]['median_ms']:.4f} ms   p99 {result[label]['p99_ms']:.4f} ms")
    print(json.dumps({"bench": "reaper_idle_tick", **result}))


if __name__ == "__main__":
    main()

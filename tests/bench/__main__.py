"""`python -m tests.bench [NAME ...]`: measures, prints a table for people and one JSON line last.

Ratios are taken side by side in one run, in turns, since machines differ. Nothing here runs in the test suite.
`--plots FOLDER` draws the curves. `reference` needs a checkout of the public implementation, see public_reference.py.
`gpu` with options of its own (`gpu --tiny`) is tests/bench/gpu.py's command.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engine.errors import InvalidRequest
from tests.bench.figures import Figure, Result, Series

HOMES = {
    "starts": "starts",
    "region": "region",
    "first-sound": "first_sound",
    "nano": "nano_speed",
    "products": "products_probe",
    "products-repeat": "products_repeat",
    "training": "training_rates",
    "stages": "engine_stages",
    "tokens": "engine_stages",
    "batch": "engine_stages",
    "threads": "engine_stages",
    "bridge": "bridge_overhead",
    "cancel": "cancel_latency",
    "gateway": "gateway_load",
    "memory": "memory",
    "memory-xl": "memory",
    "osc": "others",
    "stage": "others",
    "reaper": "others",
    "gpu": "gpu",
    "fit": "fit",
    "beat": "beat",
    "edits": "ten_edits",
    "ears": "ears",
    "executors": "executors",
    "reference": "reference",
    "turbo": "ace_step_15",
    "turbo-peer": "ace_step_15",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all by default: " + ", ".join(HOMES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--plots", type=Path, help="folder for the plots")
    options, more = parser.parse_known_args()
    if options.names == ["gpu"] and more:
        from tests.bench.gpu import main as of_gpu

        return of_gpu(more)
    if more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if (
        len(options.names) == 2
        and options.names[0] in ("fit", "beat", "edits", "ears")
        and options.names[1] not in HOMES
    ):
        os.environ["ACESTEP_FIT_FOLDER"] = options.names.pop()
    results: list[Result] = []
    failed: list[str] = []
    for name in options.names or HOMES:
        began = time.perf_counter()
        try:
            results += _bench(name)(options.threads)
        except InvalidRequest as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed.append(name)
        except Exception:  # the others are worth having
            traceback.print_exc()
            failed.append(name)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    figures = [r for r in results if isinstance(r, Figure)]
    _table(figures)
    if options.plots is not None:
        from tests.bench.plots import draw

        draw([r for r in results if isinstance(r, Series)], options.plots)
    from tests.bench.machine import describe

    reached = {f"{f.name}_of_floor": f.reached for f in figures if f.reached is not None}
    told = describe(options.threads) | {f.name: f.value for f in figures} | reached | {"failed": failed}
    print(json.dumps(told))
    return 1 if failed else 0


def _bench(name: str):  # type: ignore[no-untyped-def]
    module = importlib.import_module(f"tests.bench.{HOMES[name]}")
    return module.BENCHES[name]


def _table(figures: list[Figure]) -> None:
    table = Table("what", "figure", "reach", "floor", "of floor", "how")
    for f in figures:
        floor = f"{f.floor:.3g} {f.unit}" if f.floor else ""
        share = f"{f.reached:.0%}" if f.reached is not None else ""
        table.add_row(f.what, f"{f.value:.3g} {f.unit}", f.reach, floor, share, f.how)
    Console(width=None if os.isatty(1) else 200).print(table)


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m tests.bench [NAME ...]`: measures, prints a table for people and one JSON line last.

Ratios are taken side by side in one run, interleaved, since machines differ. Nothing here runs in the test suite.
"""

from __future__ import annotations

import argparse
import json
import platform

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure
from tests.bench.measure import BENCHES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all by default: " + ", ".join(BENCHES))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.names or BENCHES:
        figures += BENCHES[name](options.threads)
    table = Table("what", "figure", "reach", "how")
    for figure in figures:
        table.add_row(figure.what, f"{figure.value:.3g} {figure.unit}", figure.reach, figure.how)
    Console().print(table)
    machine = {"machine": platform.machine(), "system": platform.system(), "threads": options.threads}
    print(json.dumps(machine | {figure.name: figure.value for figure in figures}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Seeded crash runs: daemon, engine process and clients are killed, in writes, in starts, in upgrades, on a full disk.

`python -m tests.crash --runs 500 [--seed N] [--state FILE]`. Afterwards every job that was acknowledged must have ended
exactly once with its seed's audio, and no process, lock or temporary file may be left. A run that fails keeps its
folder. With `--state` a stopped command goes on where it was. Linux, with gcc.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from bridge.engine_process.wire import DEFAULT_RENDERER
from tests.crash.by_gateway import GatewayRun
from tests.crash.plan import REAL_SEEDS, plan_of, real_request
from tests.crash.run import Outcome, Run
from tests.support.daemons import running
from tests.support.disk import can_be_built


def main(arguments: list[str] | None = None) -> int:
    """The runs. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--state", type=Path, help="file that keeps what was done")
    given = parser.parse_args(arguments)
    if not can_be_built():
        print("Skipped: crash runs need Linux and gcc.")
        return 0
    done = _done(given.state)
    references: dict[int, str] = {}
    outcomes: list[Outcome] = []
    for seed in range(given.seed, given.seed + given.runs):
        if seed not in done:
            if plan_of(seed).is_real and not references:
                references = _references()
            done[seed] = _one(seed, references, given.state)
        outcomes.append(done[seed])
    return _summary(outcomes)


def _done(state: Path | None) -> dict[int, Outcome]:
    lines = state.read_text().splitlines() if state is not None and state.exists() else []
    outcomes = [Outcome(**json.loads(line)) for line in lines]
    return {outcome.seed: outcome for outcome in outcomes if not outcome.faults}


def _one(seed: int, references: dict[int, str], state: Path | None) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix=f"acestep-crash-{seed}-"))
    plan = plan_of(seed)
    outcome = (GatewayRun if plan.by_gateway else Run)(plan, folder, references).run()
    words = "fine" if not outcome.faults else "\n    ".join([f"FAULTS, see {folder}", *outcome.faults])
    print(
        f"seed {seed:5} {outcome.kind:8} {outcome.kills} kills {outcome.acknowledged:3} jobs "
        f"{outcome.seconds:5.1f} s  {words}",
        flush=True,
    )
    if not outcome.faults:
        shutil.rmtree(folder)
    if state is not None:
        with open(state, "a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
    return outcome


def _references() -> dict[int, str]:
    """What the real engine makes of each seed, undisturbed."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "home", renderer=DEFAULT_RENDERER) as daemon,
        daemon.client() as client,
    ):
        jobs = {seed: client.submit(real_request(seed)) for seed in range(REAL_SEEDS)}
        return {seed: job.result().sha256 for seed, job in jobs.items()}


def _summary(outcomes: list[Outcome]) -> int:
    bad = [outcome for outcome in outcomes if outcome.faults]
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(o.kind for o in outcomes).most_common())
    print(
        f"{len(outcomes)} runs ({kinds}): {sum(o.kills for o in outcomes)} kills, "
        f"{sum(o.acknowledged for o in outcomes)} acknowledged jobs, {len(bad)} runs with faults"
    )
    for outcome in bad:
        print(f"  seed {outcome.seed} ({outcome.kind}): {outcome.faults[0]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

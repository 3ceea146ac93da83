"""The store that a run finds: of an older release, with jobs that were acknowledged there."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from importlib import resources
from pathlib import Path

from tests.crash.plan import Plan
from tests.support.daemons import MODEL, text


def make_old_store(path: Path, plan: Plan) -> dict[str, str]:
    """A file of jobs of the plan's layout, and what it holds: a queued and a running job. Job ids by name."""
    names = {f"{plan.seed}-old-{number}": f"20250101T00000{number}-{plan.seed:08x}" for number in range(2)}
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        for number in range(1, plan.layout + 1):
            base.executescript(resources.files("bridge.jobs").joinpath(f"schema_{number}.sql").read_text("utf-8"))
        base.execute(f"PRAGMA user_version = {plan.layout}")
        for state, (name, job_id) in zip(("running", "queued"), names.items(), strict=True):
            base.execute(_ADD, (job_id, state, _details(plan.seed, name)))
        base.commit()
    return names


_ADD = "INSERT INTO jobs (job_id, state, owner, priority, sequence, attempts, details) VALUES (?1, ?2, '', 0, 2, 1, ?3)"


def _details(seed: int, name: str) -> str:
    request = {**text(seed=seed % 500), "model": str(MODEL)}
    return json.dumps(
        {"task": "text-to-audio", "request": request, "model": str(MODEL), "created": 1735689600.0,
         "client_data": {"name": name}}
    )  # fmt: skip

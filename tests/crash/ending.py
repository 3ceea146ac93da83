"""What must hold when a run is over: every acknowledged job once, with its seed's audio; nothing left behind."""

from __future__ import annotations

import contextlib
import functools
import re
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

from bridge.engine_process.wire import RenderJob
from bridge.files.store import AudioStore, hash_file
from bridge.jobs import Job, JobStore
from bridge.protocol.lock import FileLock
from bridge.protocol.messages import FINISHED
from tests.crash.plan import Plan
from tests.support.daemons import strays
from tests.support.renderers import SineRenderer

KEPT = re.compile(
    r"jobs\.sqlite3|daemon\.log|engine\.log|gateway\.log|daemon\.lock|spare-room|install\.json|gateway\.sqlite3|gateway\.json"
    r"|audio/home\.txt|audio/[0-9a-f]{2}/[0-9a-f]{64}\.wav|processor\.json|gateway/.*|latents/.*|curve/.*"
)


@functools.cache
def expected_sine(seed: int, duration: float) -> str:
    """The hash of what the sine renderer makes of a seed."""
    with tempfile.TemporaryDirectory() as folder:
        store = AudioStore(Path(folder))
        store.make_folders()
        job = RenderJob(job_id="", model="", request={"tags": "", "seed": seed, "duration": duration})
        return SineRenderer(store)._entry(job, 0).audio.sha256


def faults(home: Path, plan: Plan, notes: dict[str, str], references: dict[int, str]) -> list[str]:
    """What is wrong, in words; the daemon has ended."""
    found = _left_behind(home)
    store = JobStore.reading(home / "jobs.sqlite3")
    try:
        jobs, _ = store.list(None, None, 10_000, 0)
        found += _counted(jobs, notes)
        for job in jobs:
            found += [f"{_name(job)} ({job.job_id}): {fault}" for fault in _of_job(home, store, job, plan, references)]
    finally:
        store.close()
    for path in (home / "audio").glob("??/*"):
        if hash_file(path) != path.stem:
            found.append(f"{path.name} holds other bytes than its name says")
    return found


def _name(job: Job) -> str:
    return str(job.client_data.get("name", "?"))


def _counted(jobs: list[Job], notes: dict[str, str]) -> list[str]:
    by_id = {job.job_id: job for job in jobs}
    names = Counter(_name(job) for job in jobs)
    found = [f"{name}: acknowledged as {job_id}, lost" for name, job_id in notes.items() if job_id not in by_id]
    return found + [f"{name}: {count} jobs" for name, count in names.items() if count > 1 and name != "?"]


def _of_job(home: Path, store: JobStore, job: Job, plan: Plan, references: dict[int, str]) -> list[str]:
    ends = [line.text for line in store.logs(job.job_id, 0) if line.text in FINISHED]
    if job.state not in FINISHED:
        return [f"still {job.state}"]
    if len(ends) != 1 and not (plan.layout and not ends):
        return [f"ended {len(ends)} times: {ends}"]
    if job.state == "cancelled":
        return [] if any(ask.request_id == _name(job) and ask.cancel for ask in plan.asks) else ["cancelled by nobody"]
    if job.state == "failed":
        code = job.error.code if job.error else "?"
        ends_engines = any(life.end is not None and life.end.who == "bridge.engine_process" for life in plan.lives)
        allowed = (plan.full and code == "disk_full") or (ends_engines and code == "engine_crashed")  # at each start
        return [] if allowed else [f"failed: {job.error}"]
    return _audio(home, job, plan, references)


def _audio(home: Path, job: Job, plan: Plan, references: dict[int, str]) -> list[str]:
    found = []
    for number, entry in enumerate(job.result or []):
        seed, sha256 = job.request["seed"] + number, entry["audio"]["sha256"]
        expected = references.get(seed) if plan.is_real else expected_sine(seed, job.request.get("duration", 0.5))
        if sha256 != expected:
            found.append(f"variation {number}: audio {sha256[:8]}, expected {str(expected)[:8]}")
        if AudioStore(home / "audio").find(sha256) is None:
            found.append(f"variation {number}: its audio is gone")
    if len(job.result or []) != job.request.get("variations", 1):
        found.append(f"{len(job.result or [])} results")
    return found


def _left_behind(home: Path) -> list[str]:
    found = [f"process left: {line}" for line in strays(home)]
    with FileLock(home / "daemon.lock") as lock:
        if not lock.acquire():
            found.append("the lock is held")
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        if not KEPT.fullmatch(str(path.relative_to(home))):
            found.append(f"file left: {path.relative_to(home)}")
    with contextlib.closing(sqlite3.connect(f"{(home / 'jobs.sqlite3').as_uri()}?mode=ro", uri=True)) as base:
        if base.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            found.append("the file of jobs is damaged")
    return found

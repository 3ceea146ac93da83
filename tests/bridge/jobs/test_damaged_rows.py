"""A file of jobs of which SQLite says nothing bad, with a record in it that holds no job: all others go on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bridge.jobs import Job, JobStore
from bridge.jobs.retention import Limits, decide
from bridge.protocol.errors import StoreUnavailable

DAMAGES = (
    ("state", "'quewed'"),
    ("owner", "x'00ff'"),
    ("priority", "'abc'"),
    ("sequence", "'zz'"),
    ("attempts", "x'01'"),
    ("started", "'noon'"),
    ("finished", "'x'"),
    ("details", """'{"task":'"""),
    ("details", "x'fffe00'"),
    ("outcome", "'}'"),
)


def damaged(path: Path, state: str) -> tuple[JobStore, list[str], str]:
    """A store of jobs that wait or ran, one for each damage; their ids, and that of one that is whole."""
    store = JobStore(path)
    ids = [store.add(Job(job_id="", task="retake", request={"tags": "a"})).job_id for _ in range(len(DAMAGES) + 1)]
    store.close()
    with sqlite3.connect(path) as base:
        base.execute("UPDATE jobs SET state = ?", (state,))
        for job_id, (column, value) in zip(ids, DAMAGES, strict=False):
            base.execute(f"UPDATE jobs SET {column} = {value} WHERE job_id = ?", (job_id,))
    base.close()
    return JobStore(path), ids[:-1], ids[-1]


def test_a_damaged_record_is_shown_as_failed_and_can_be_deleted(tmp_path: Path) -> None:
    store, bad, whole = damaged(tmp_path / "jobs", "queued")
    jobs, total = store.list(None, None, 50, 0)
    shown = {job.job_id: job.error.code if job.error else job.state for job in jobs}
    assert shown == {**dict.fromkeys(bad, "store_damaged"), whole: "queued"} and total == len(shown)
    store.requeue_running()
    assert [store.position(job) for job in jobs] == [1] + [0] * len(bad)
    for job_id in bad:
        store.delete(job_id)
    assert [job.job_id for job in store.list(None, None, 50, 0)[0]] == [whole]
    store.close()


def test_a_damaged_record_holds_up_no_other_job(tmp_path: Path) -> None:
    store, bad, whole = damaged(tmp_path / "jobs", "queued")
    following = store.next_queued()
    assert following is not None and following.job_id == whole
    store.close()
    store, bad, whole = damaged(tmp_path / "others", "running")
    assert [job.job_id for job in store.requeue_running()] == [whole]
    assert store.counts()["failed"] == len(bad) - 1  # that with a state of its own is shown as failed
    store.close()


def test_what_a_damaged_record_names_is_kept(tmp_path: Path) -> None:
    store, bad, whole = damaged(tmp_path / "jobs", "completed")
    store.close()
    with sqlite3.connect(tmp_path / "jobs") as base:
        base.execute("UPDATE jobs SET finished = 1, outcome = '{}'")
        base.execute("UPDATE jobs SET outcome = ? WHERE job_id = ?", ('{"source": "' + "a" * 64, bad[0]))
    base.close()
    store = JobStore.reading(tmp_path / "jobs")
    store_uses = {whole: {"a" * 64}, bad[1]: {"b" * 64}}
    store.uses = lambda: store_uses  # type: ignore[method-assign]
    decision = decide(store, Limits(count=0), {}, {}, 1e9)
    assert list(decision.named) == [whole] and bad[1] in decision.go
    store.close()


def test_a_file_that_another_program_holds_is_no_damaged_one(tmp_path: Path) -> None:
    JobStore(tmp_path / "jobs").close()
    other = sqlite3.connect(tmp_path / "jobs", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="Another program holds"):
        JobStore(tmp_path / "jobs")
    other.close()

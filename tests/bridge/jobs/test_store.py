"""The job store: queue order, transitions, first answers, what a restart finds."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.jobs import Job, JobStore, WrongTransition
from bridge.jobs.job import TRANSITIONS
from bridge.jobs.layouts import SCHEMA_VERSION
from bridge.protocol.errors import ErrorContent, StoreError, StoreUnavailable
from bridge.protocol.messages import FINISHED, ChangeRequest, State


def job(priority: int = 0, **fields: object) -> Job:
    return Job(job_id="", task="retake", request={"tags": "a"}, priority=priority, **fields)  # type: ignore[arg-type]


def test_order_is_priority_then_age(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    jobs = [store.add(job(p)) for p in (0, 5, 0, 5)]
    assert [store.position(j) for j in jobs] == [3, 1, 4, 2]
    assert store.next_queued().job_id == jobs[1].job_id  # type: ignore[union-attr]
    store.close()


@pytest.mark.parametrize("job_id", ["20260101T000000-00000000", "mark-20260101T000000-00000000"])
def test_two_jobs_of_one_id_are_two_jobs(tmp_path: Path, job_id: str) -> None:
    """Thousands in a second draw from four billion ids."""
    store = JobStore(tmp_path / "jobs")
    first, second = (store.add(Job(job_id=job_id, task="retake", request={})) for _ in range(2))
    assert first.job_id == job_id and second.job_id != job_id and len(second.job_id) == len(job_id)
    assert second.job_id.startswith(job_id[:-24]) and store.get(second.job_id) == second
    store.close()


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 1)), min_size=1, max_size=9),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 9)),
)
def test_places_are_those_in_which_jobs_will_begin(wanted: list[tuple[str, int]], turns: dict[str, int]) -> None:
    """But where a client's turn at a higher priority moves its turn at a lower one: so all have one priority here."""
    with tempfile.TemporaryDirectory() as folder:
        store = JobStore(Path(folder) / "jobs")
        jobs = [store.add(job(1 if n == 0 else 0, owner=owner)) for n, (owner, _) in enumerate(wanted)]
        store.change(jobs[0], "running")
        alone = {j.job_id: store.position(j, turns) for j in jobs[1:]}
        assert store.positions(jobs, turns) == alone
        order, left = [], dict(turns)
        while (following := store.next_queued(left)) is not None:
            order.append(following.job_id)
            left[following.owner] = max(left.values(), default=0) + 1
            store.change(following, "running")
        assert [alone[job_id] for job_id in order] == list(range(1, len(order) + 1))
        store.close()


@given(st.lists(st.sampled_from(list(TRANSITIONS)), max_size=6))
def test_no_job_leaves_a_final_state(wanted: list[State]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _walk(JobStore(Path(folder) / "jobs"), wanted)


def _walk(store: JobStore, wanted: list[State]) -> None:
    made = store.add(job())
    for state in wanted:
        before, sequence = made.state, made.sequence
        if state in TRANSITIONS[before]:
            store.change(made, state)
            assert store.get(made.job_id) == made and made.sequence == sequence + 1
        else:
            with pytest.raises(WrongTransition):
                store.change(made, state)
            assert store.get(made.job_id).state == before  # type: ignore[union-attr]
    assert (made.finished is not None) == (made.state in FINISHED)
    store.close()


def test_restart_requeues_what_ran_and_keeps_the_rest(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    first, second = store.add(job(client_data={"take": "{1}"})), store.add(job())
    store.change(first, "running")
    store.close()
    store = JobStore(tmp_path / "jobs")
    assert [j.job_id for j in store.requeue_running()] == [first.job_id]
    again = store.get(first.job_id)
    assert again is not None and (again.state, again.sequence, again.client_data) == ("queued", 3, {"take": "{1}"})
    assert [store.position(j) for j in (again, second)] == [1, 2]
    store.close()


def test_outcome_survives(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    made = store.add(job())
    store.change(made, "running")
    made.error = ErrorContent(code="out_of_memory", message="9 GB")
    store.change(made, "failed")
    assert store.get(made.job_id) == made
    store.close()


def test_first_answer_is_kept_for_a_day_and_for_its_owner(tmp_path: Path) -> None:
    now = [1000.0]
    store = JobStore(tmp_path / "jobs", clock=lambda: now[0], steady=lambda: now[0])
    store.remember("", "r", "digest", ChangeRequest(request_id="x"))
    assert store.answer("", "r") == ("digest", {"request_id": "x"})
    assert store.answer("laptop", "r") is None
    now[0] += 24 * 3600 + 1
    assert store.answer("", "r") is None
    store.close()


def test_a_clock_that_somebody_sets_changes_neither_a_days_answers_nor_durations(tmp_path: Path) -> None:
    clock, steady = [1000.0], [0.0]
    store = JobStore(tmp_path / "jobs", clock=lambda: clock[0], steady=lambda: steady[0])
    store.remember("", "r", "digest", ChangeRequest(request_id="x"))
    made = store.add(job())
    clock[0], steady[0] = 9e8, 2.0
    store.change(made, "running")
    assert store.answer("", "r") is not None
    clock[0], steady[0] = 0.0, 5.0
    store.change(made, "completed")
    kept = store.get(made.job_id)
    assert kept is not None and (kept.queued_seconds, kept.running_seconds) == (2.0, 3.0)
    assert store.answer("", "r") is not None
    steady[0] = 25 * 3600.0
    assert store.answer("", "r") is None
    store.close()


def test_lists_and_counts_by_owner_and_state(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    jobs = [store.add(job(n % 2, owner="far" if n % 3 else "")) for n in range(9)]
    store.change(jobs[0], "running")
    assert store.list(None, None, 2, 1) == ([jobs[7], jobs[6]], 9)
    assert store.list("far", "queued", 9, 0) == ([j for j in reversed(jobs) if j.owner], 6)
    assert store.counts() == {"queued": 8, "running": 1} and store.counts("far") == {"queued": 6}
    assert (store.queued(), store.queued("far"), store.queued("near")) == (8, 6, 0)
    listed = store.list(None, None, 9, 0)[0]
    assert store.positions(listed) == {j.job_id: store.position(j) for j in listed if j.state == "queued"}
    store.close()


def test_audio_is_known_to_who_sent_it_or_has_a_job_with_it(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    store.uploaded("far", "aa")
    made = store.add(job(owner="near"))
    store.use(made.job_id, "bb")
    known = [(who, what) for who in ("far", "near") for what in ("aa", "bb") if store.knows(who, what)]
    assert known == [("far", "aa"), ("near", "bb")] and store.used("b") == {"bb"}
    store.forget_uploads(-1.0)
    assert not store.knows("far", "aa")
    store.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.add(job())
        raise ZeroDivisionError
    assert store.counts() == {}
    store.close()


def test_deleting_gives_audio_that_nobody_else_uses(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    one, two = store.add(job()), store.add(job())
    for owner, digest in ((one, "aa"), (one, "bb"), (two, "bb")):
        store.use(owner.job_id, digest)
    assert store.delete(one.job_id) == ["aa"]
    assert store.get(one.job_id) is None and store.is_used("bb") and not store.is_used("aa")
    store.close()


def test_logs_are_numbered_a_job(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    for name, text in (("a", "1"), ("b", "1"), ("a", "2")):
        store.log(name, "info", text)
    assert [(line.number, line.text) for line in store.logs("a", 0)] == [(1, "1"), (2, "2")]
    assert [line.text for line in store.logs("a", 1)] == ["2"]
    store.close()


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "jobs")
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(StoreError, match="newer version"):
        JobStore(tmp_path / "jobs")


def test_a_damaged_store_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_bytes(b"this is not SQLite, but long enough to be looked at" * 40)
    for opened in (JobStore, JobStore.reading):
        with pytest.raises(StoreError, match="jobs repair"):
            opened(tmp_path / "jobs")


def test_a_store_for_reading_changes_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    made = store.add(job())
    store.log(made.job_id, "info", "queued")
    store.close()
    before = (tmp_path / "jobs").read_bytes()
    reading = JobStore.reading(tmp_path / "jobs")
    assert [j.job_id for j in reading.list(None, None, 5, 0)[0]] == [made.job_id]
    assert [line.text for line in reading.logs(made.job_id, 0)] == ["queued"]
    with pytest.raises(StoreUnavailable, match="may not be written"):
        reading.add(job())
    reading.close()
    assert (tmp_path / "jobs").read_bytes() == before


@pytest.mark.parametrize("layout", range(1, SCHEMA_VERSION))
def test_a_store_of_every_earlier_layout_is_taken_over(tmp_path: Path, layout: int) -> None:
    path = tmp_path / "jobs"
    base = sqlite3.connect(path)
    for number in range(1, layout + 1):
        base.executescript(resources.files("bridge.jobs").joinpath(f"schema_{number}.sql").read_text("utf-8"))
    base.execute("INSERT INTO answers (owner, request_id, time, reply) VALUES ('', 'r', 9e9, '{\"a\": 1}')")
    details = '{"task": "retake", "request": {"tags": "a"}, "model": "nano", "created": 1.0, "client_data": {}}'
    columns = "job_id, state, owner, priority, sequence, attempts, details"
    base.execute(f"INSERT INTO jobs ({columns}) VALUES ('old', 'running', '', 0, 2, 1, ?)", (details,))
    base.execute("INSERT INTO uses VALUES ('old', 'a')")
    base.execute(f"PRAGMA user_version = {layout}")
    base.commit()
    base.close()
    for states in (["queued"], []):
        store = JobStore(path)
        assert store.answer("", "r") == ("", {"a": 1}) and store.used_by("old") == ["a"]
        assert [made.state for made in store.requeue_running()] == states
        store.close()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (sqlite3.SQLITE_FULL, "disk_full"),
        (sqlite3.SQLITE_IOERR_FSYNC, "disk_error"),
        (sqlite3.SQLITE_IOERR_WRITE, "disk_error"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "disk_error"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "store_busy"),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, "store_busy"),
    ],
)
def test_what_the_disk_refuses_has_a_code(tmp_path: Path, number: int, code: str) -> None:
    store = JobStore(tmp_path / "jobs")
    failure = sqlite3.OperationalError("refused")
    failure.sqlite_errorcode = number
    with pytest.raises(StoreUnavailable) as refused, store._base._named():
        raise failure
    assert refused.value.code == code and refused.value.remedy
    store.close()


def test_an_inner_change_that_fails_takes_back_only_itself(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs")
    with store.transaction():
        store.set_controls({"tags": "house"})
        with contextlib.suppress(KeyError), store.transaction():
            store.set_controls({"seed": 1})
            raise KeyError("seed")
    assert store.controls() == {"tags": "house"}
    with pytest.raises(KeyError), store.transaction():
        store.set_controls({"seed": 1})
        raise KeyError("seed")
    assert store.controls() == {"tags": "house"}


def test_places_are_counted_again_when_somebody_leaves_comes_back_or_another_program_writes(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    first, second, third = (store.add(job()) for _ in range(3))
    assert [store.position(j) for j in (first, second, third)] == [1, 2, 3]
    store.change(first, "running")
    assert [store.position(j) for j in (second, third)] == [1, 2]
    store.change(first, "queued")
    assert [store.position(j) for j in (first, second, third)] == [1, 2, 3]
    with contextlib.suppress(ZeroDivisionError), store.transaction():
        store.add(job(priority=9))
        raise ZeroDivisionError
    assert (store.position(third), store.next_queued()) == (3, store.get(first.job_id))
    other = JobStore(tmp_path / "jobs.sqlite3")
    other.delete(first.job_id)
    other.close()
    assert (store.position(third), store.next_queued()) == (2, store.get(second.job_id))
    store.close()


def test_the_log_of_changes_is_moved_into_the_file_beside_the_work(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    with store.transaction():
        for number in range(1001):
            store.log(f"{number}", "info", "queued")
    store.journal.move_when_long()
    store.journal.close()  # waits for it
    file = sqlite3.connect(f"{store.path.as_uri()}?immutable=1", uri=True)  # without the log
    assert file.execute("SELECT count(*) FROM logs").fetchone() == (1001,)
    file.close()
    store.close()

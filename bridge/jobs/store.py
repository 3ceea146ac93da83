"""Jobs, logs, first answers and controls in one SQLite file (WAL). Knows no socket and no audio.

One thread uses it: the daemon's loop; each call is a fraction of a millisecond. Changes that belong together are made
inside `transaction()`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from bridge.jobs.connection import DAMAGED, MOST_PAGES, Connection, Journal, usable
from bridge.jobs.job import Job, check_transition, new_job_id
from bridge.jobs.layouts import check_version, migrate
from bridge.jobs.rows import (
    COLUMNS,
    as_text,
    details_of,
    job_of,
    job_or_damage,
    matching,
    outcome_of,
    set_aside,
)
from bridge.jobs.turns import Queue, place_by_turns, places_in_queue
from bridge.protocol.errors import StoreError, StoreUnavailable
from bridge.protocol.messages import LogLine, State

Jobs = list[Job]  # names, because the store has a method `list`
JobsAndTotal = tuple[list[Job], int]
Lines = list[LogLine]
Strings = list[str]
Times = list[tuple[str, float]]  # job ids and seconds since 1970
Answer = tuple[str, dict[str, Any]]
NO_TURNS: Mapping[str, int] = MappingProxyType({})
_INSERT = "INSERT INTO jobs (job_id, state, owner, priority, sequence, attempts, details) VALUES (?, ?, ?, ?, ?, ?, ?)"
_WAITS = "state = 'queued' AND typeof(priority) = 'integer' AND typeof(owner) = 'text'"
ANSWER_SECONDS, FORGET_SECONDS = 24 * 3600.0, 60.0


class JobStore:
    """The store in one file. `clock` gives seconds since 1970. Raises StoreError, StoreUnavailable."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._open_to_write(clock, steady)

    def _open_to_write(self, clock: Callable[[], float], steady: Callable[[], float]) -> None:
        with usable(self.path):
            self._open(Connection(self.path, str(self.path)), clock, steady)
            os.chmod(self.path, 0o600)
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "checkpoint_fullfsync=1"):
                self._base.execute(f"PRAGMA {pragma}")  # the last for macOS: as `engine.atomic.sync`
            self._base.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}")
            migrate(self._base)
            self._base.note_its_files()

    @classmethod
    def reading(cls, path: Path) -> JobStore:
        """The store of a file that is there, to be read only. Raises StoreError."""
        store = cls.__new__(cls)
        store.path = path
        with usable(path):
            store._open(Connection(path, f"{path.as_uri()}?mode=ro", uri=True), time.time)
            check_version(store._base)
        return store

    def _open(self, base: Connection, clock: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        self.clock, self._base, self._depth = clock, base, 0
        self._queue: Queue | None = None  # None where it may have changed
        self._queue_version, self._forgot = 0, 0.0  # the latter: when old answers were forgotten last
        self.journal = Journal(self.path, base)
        self._steady, self._opened_at, self._opened = steady, clock(), steady()
        self._begun: dict[str, float] = {}  # when jobs of this life were queued or started, by the steady clock

    def _even_time(self) -> float:
        """Seconds since 1970 that go on evenly when somebody sets the clock."""
        return self._opened_at + self._steady() - self._opened

    def put_back(self) -> bool:
        """Write the file again if somebody has removed or replaced it, its log or the log's index; whether that was so.
        Raises OSError, StoreUnavailable."""
        if self._depth or self._base.has_its_files() or not self._base.put_back():
            return False
        self.close()
        begun = self._begun
        self._open_to_write(self.clock, self._steady)
        self._begun = begun
        return True

    def close(self) -> None:
        """Close the file."""
        self.journal.close()
        self._base.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside, or none; `journal.sync` keeps them. An inner one takes back its own changes only."""
        name = f"level_{self._depth}"
        outermost = self._depth == 0
        self._depth += 1
        try:
            self._base.execute("BEGIN IMMEDIATE" if outermost else f"SAVEPOINT {name}")
            yield
            self._base.execute("COMMIT" if outermost else f"RELEASE {name}")
        except BaseException:
            self._queue = None
            if self._base.in_transaction:
                with contextlib.suppress(StoreUnavailable):  # the first failure is the one to tell
                    self._base.execute("ROLLBACK" if outermost else f"ROLLBACK TO {name}")
            raise
        finally:
            self._depth -= 1

    def add(self, job: Job) -> Job:
        """Queue a job; gives it an id and its first event's number."""
        now = self.clock()
        job.job_id, job.created, job.sequence, job.state = job.job_id or new_job_id(now), now, 1, "queued"
        try:
            cursor = self._insert(job)
        except sqlite3.IntegrityError:  # another job of this second has that id: one in four billion
            job.job_id = new_job_id(now, job.job_id[:-25])
            cursor = self._insert(job)
        job.number = int(cursor.lastrowid or 0)
        self._begun[job.job_id] = self._steady()
        if self._queue is not None:
            self._queue.add(job.priority, job.owner, job.number)
        return job

    def _insert(self, job: Job) -> sqlite3.Cursor:
        values = (job.job_id, job.state, job.owner, job.priority, job.sequence, 0, details_of(job))
        return self._base.execute(_INSERT, values)

    def get(self, job_id: str) -> Job | None:
        """A job, or None."""
        row = self._base.row(f"SELECT {COLUMNS} FROM jobs WHERE job_id = ?", (job_id,))
        return None if row is None else job_or_damage(row)

    def ids_like(self, text: str) -> Strings:
        """Ids of this machine's and others' jobs that begin with `text`, or whose part behind the time does."""
        query = "SELECT job_id FROM jobs WHERE substr(job_id, 1, ?2) = ?1 OR substr(job_id, 17, ?2) = ?1"
        return [row[0] for row in self._base.rows(query, (text, len(text)))] if text else []

    def list(self, owner: str | None, state: State | None, limit: int, offset: int) -> JobsAndTotal:
        """Jobs, newest first, and how many match. `owner` None: of everybody."""
        where, values = matching(owner, state)
        query = f"SELECT {COLUMNS} FROM jobs{where} ORDER BY number DESC LIMIT ? OFFSET ?"
        rows = self._base.rows(query, (*values, limit, offset))
        return [job_or_damage(row) for row in rows], self._base.number(f"SELECT count(*) FROM jobs{where}", values)

    def next_queued(self, turns: Mapping[str, int] = NO_TURNS) -> Job | None:
        """The job whose turn it is: highest priority; of these the owner with the lowest of `turns`; then oldest."""
        while (number := self._waiting().next_number(turns)) is not None:
            row = self._base.row(f"SELECT {COLUMNS} FROM jobs WHERE number = ?", (number,))
            if row is None or set_aside(self._base, row, self.clock()):
                return None if row is None else job_of(row)
            self._queue = None
        return None

    def position(self, job: Job, turns: Mapping[str, int] = NO_TURNS) -> int:
        """1: next; 0: not queued. Clients take turns, as in `next_queued`."""
        if job.state != "queued":
            return 0
        queue, own = self._waiting(), "state = 'queued' AND priority = ? AND owner = ? AND number <= ?"
        clients = queue.clients(job.priority)
        turn = clients[job.owner].count  # of the newest, which asks most
        if clients[job.owner].newest != job.number:
            turn = self._base.number(f"SELECT count(*) FROM jobs WHERE {own}", (job.priority, job.owner, job.number))
        return queue.before(job.priority) + place_by_turns(clients.values(), job.owner, turn, turns)

    def _waiting(self) -> Queue:
        """Who waits, counted again only after a job has left the queue, or another program has changed the file."""
        version = self._base.number("PRAGMA data_version")
        if self._queue is None or version != self._queue_version:
            counts = "SELECT priority, owner, count(*), min(number), max(number)"
            rows = self._base.rows(f"{counts} FROM jobs WHERE {_WAITS} GROUP BY priority, owner")
            self._queue, self._queue_version = Queue(rows), version
        return self._queue

    def positions(self, jobs: Sequence[Job], turns: Mapping[str, int] = NO_TURNS) -> dict[str, int]:
        """`position` of many jobs, by their ids, with one look at the queue."""
        if not any(job.state == "queued" for job in jobs):
            return {}
        rows = self._base.rows(f"SELECT priority, owner, number FROM jobs WHERE {_WAITS} ORDER BY number")
        return places_in_queue(rows, jobs, turns)

    def counts(self, owner: str | None = None) -> dict[str, int]:
        """State to number of jobs. `owner` None: of everybody."""
        where, values = matching(owner, None)
        return dict(self._base.rows(f"SELECT state, count(*) FROM jobs{where} GROUP BY state", values))

    def models(self, most: int = 500) -> Strings:
        """The models that jobs were for, as they were named, the newest first."""
        query = (
            "SELECT json_extract(details, '$.model') AS model FROM jobs WHERE json_valid(details) "
            "GROUP BY model ORDER BY max(number) DESC LIMIT ?"
        )
        return [str(model) for (model,) in self._base.rows(query, (most,)) if model]

    def queued(self, owner: str | None = None) -> int:
        """How many jobs wait."""
        where, values = matching(owner, "queued")
        return self._base.number(f"SELECT count(*) FROM jobs{where}", values)

    def change(self, job: Job, state: State) -> None:
        """Take a job to another state, with its outcome as it stands in `job`. Raises WrongTransition."""
        check_transition(job.job_id, job.state, state)
        now, self._queue = self.clock(), None
        if state == "running":
            job.started, job.attempts = now, job.attempts + 1
        job.finished = None if state in ("queued", "running") else now
        self._measure(job, state)
        job.state, job.sequence = state, job.sequence + 1
        query = (
            "UPDATE jobs SET state = ?, sequence = ?, attempts = ?, started = ?, finished = ?, outcome = ? "
            "WHERE job_id = ?"
        )
        values = (state, job.sequence, job.attempts, job.started, job.finished, outcome_of(job), job.job_id)
        self._base.execute(query, values)

    def _measure(self, job: Job, state: State) -> None:
        """How long it waited and ran, by a clock that nobody sets; None where that was before a restart."""
        now, begun = self._steady(), self._begun.pop(job.job_id, None)
        passed = None if begun is None else now - begun
        if state == "running":
            job.queued_seconds = passed
        elif job.state == "running" and state != "queued":
            job.running_seconds = passed
        if state in ("queued", "running"):
            self._begun[job.job_id] = now

    def count_event(self, job: Job) -> int:
        """The number of the job's next event."""
        job.sequence += 1
        self._base.execute("UPDATE jobs SET sequence = ? WHERE job_id = ?", (job.sequence, job.job_id))
        return job.sequence

    def requeue_running(self) -> Jobs:
        """After a restart: what was running is queued again, at its old place. What cannot be read is set aside."""
        self._queue = None
        rows = self._base.rows(f"SELECT {COLUMNS} FROM jobs WHERE state IN ('queued', 'running')")
        jobs = [job_of(row) for row in rows if set_aside(self._base, row, self.clock()) and row[2] == "running"]
        for job in jobs:
            job.attempts = max(0, job.attempts - 1)
            self.change(job, "queued")
        return jobs

    def delete(self, job_id: str) -> Strings:
        """Forget a job. Gives the hashes of audio that nobody uses any more."""
        mine = "SELECT sha256 FROM uses WHERE job_id = ?1"
        others = "SELECT sha256 FROM uses WHERE job_id <> ?1"
        orphans = self._base.rows(f"{mine} EXCEPT {others}", (job_id,))
        owner = "(SELECT owner FROM jobs WHERE job_id = ?1)"
        also = f"{others} AND job_id IN (SELECT job_id FROM jobs WHERE owner = {owner})"
        self._base.execute(f"DELETE FROM uploads WHERE owner = {owner} AND sha256 IN ({mine} EXCEPT {also})", (job_id,))
        self._queue = None
        for table in ("uses", "logs", "jobs"):
            self._base.execute(f"DELETE FROM {table} WHERE job_id = ?", (job_id,))
        return [row[0] for row in orphans]

    def use(self, job_id: str, sha256: str) -> None:
        """Note that a job needs a piece of audio."""
        self._base.execute("INSERT OR IGNORE INTO uses VALUES (?, ?)", (job_id, sha256))

    def used_by(self, job_id: str) -> Strings:
        """Hashes of the audio that a job needs."""
        rows = self._base.rows("SELECT sha256 FROM uses WHERE job_id = ?", (job_id,))
        return [row[0] for row in rows]

    def uses(self) -> dict[str, set[str]]:
        """Hashes of the audio that each job needs, by job."""
        found: dict[str, set[str]] = {}
        for job_id, sha256 in self._base.rows("SELECT job_id, sha256 FROM uses"):
            found.setdefault(job_id, set()).add(sha256)
        return found

    def finished(self) -> Times:
        """Every finished job and when it was, by a clock that somebody may set; the one that came last first."""
        query = "SELECT job_id, finished FROM jobs WHERE finished IS NOT NULL ORDER BY number DESC"
        return [(job_id, finished) for job_id, finished in self._base.rows(query)]

    def outcomes(self) -> Iterator[str]:
        """What each completed job left, as JSON; one at a time, since there may be much of it."""
        for row in self._base.execute("SELECT outcome FROM jobs WHERE state NOT IN ('failed', 'cancelled')"):
            yield row[0]

    def is_used(self, sha256: str) -> bool:
        """Whether some job needs it."""
        return self._base.row("SELECT 1 FROM uses WHERE sha256 = ?", (sha256,)) is not None

    def used(self, first: str) -> set[str]:
        """Hashes that begin with `first` of all audio that a job needs."""
        rows = self._base.rows("SELECT DISTINCT sha256 FROM uses WHERE sha256 GLOB ?", (f"{first}*",))
        return {row[0] for row in rows}

    def uploaded(self, owner: str, sha256: str) -> None:
        """Note that a client has sent a piece of audio."""
        self._base.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", (owner, sha256, self.clock()))

    def knows(self, owner: str, sha256: str) -> bool:
        """Whether a client has sent that audio, or has a job that needs it or made it."""
        query = (
            "SELECT 1 FROM uploads WHERE owner = ?1 AND sha256 = ?2 UNION ALL "
            "SELECT 1 FROM uses JOIN jobs USING (job_id) WHERE sha256 = ?2 AND owner = ?1 LIMIT 1"
        )
        return self._base.row(query, (owner, sha256)) is not None

    def sent(self, owner: str) -> Strings:
        """Hashes of the audio that a client has sent, as long as a job of its needs it or it is young."""
        return [row[0] for row in self._base.rows("SELECT sha256 FROM uploads WHERE owner = ?", (owner,))]

    def forget_uploads(self, older_than_seconds: float) -> None:
        """Forget who sent what so long ago that it is cleaned away, unless a job of theirs needs it."""
        needed = "SELECT 1 FROM uses JOIN jobs USING (job_id) WHERE sha256 = uploads.sha256 AND owner = uploads.owner"
        query = f"DELETE FROM uploads WHERE time < ? AND NOT EXISTS ({needed})"
        self._base.execute(query, (self.clock() - older_than_seconds,))

    def log(self, job_id: str, level: str, text: str) -> None:
        """Append a line to a job's log."""
        query = "INSERT INTO logs SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM logs WHERE job_id = ?1"
        self._base.execute(query, (job_id, self.clock(), level, text))

    def logs(self, job_id: str, after: int) -> Lines:
        """Lines with a number above `after`."""
        query = "SELECT number, time, level, text FROM logs WHERE job_id = ? AND number > ? ORDER BY number"
        rows = self._base.rows(query, (job_id, after))
        whole = [row for row in rows if isinstance(row[1], float)]  # else it is damaged
        return [LogLine(number=n, time=t, level=str(level), text=str(text)) for n, t, level, text in whole]

    def answer(self, owner: str, request_id: str) -> Answer | None:
        """The first answer to a request of the last 24 h, and the digest of what was asked ("" of an old store)."""
        query = "SELECT digest, reply FROM answers WHERE owner = ? AND request_id = ? AND time > ?"
        row = self._base.row(query, (owner, request_id, self._even_time() - ANSWER_SECONDS))
        return None if row is None else (str(row[0]), dict(json.loads(row[1])))

    def remember(self, owner: str, request_id: str, digest: str, reply: msgspec.Struct) -> None:
        """Keep an answer for 24 h, and now and then forget older ones."""
        now = self._even_time()
        if now - self._forgot >= FORGET_SECONDS:
            self._forgot = now
            self._base.execute("DELETE FROM answers WHERE time <= ?", (now - ANSWER_SECONDS,))
        query = "INSERT OR REPLACE INTO answers (owner, request_id, time, reply, digest) VALUES (?, ?, ?, ?, ?)"
        self._base.execute(query, (owner, request_id, now, as_text(reply), digest))

    def controls(self) -> dict[str, Any]:
        """All controls."""
        found: dict[str, Any] = {}
        for name, value in self._base.rows("SELECT name, value FROM controls ORDER BY name"):
            with contextlib.suppress(ValueError, TypeError):  # one that is damaged is set anew by whoever needs it
                found[name] = json.loads(value)
        return found

    def set_controls(self, values: dict[str, Any]) -> None:
        """Merge; None removes."""
        for name, value in values.items():
            if value is None:
                self._base.execute("DELETE FROM controls WHERE name = ?", (name,))
            else:
                self._base.execute("INSERT OR REPLACE INTO controls VALUES (?, ?)", (name, json.dumps(value)))

    def check(self) -> None:
        """Look at the whole file. Raises StoreError if it is damaged."""
        row = self._base.row("PRAGMA quick_check(1)")
        if row != ("ok",):
            raise StoreError(f"The file of jobs is damaged: {row[0] if row else 'it is empty'}. {DAMAGED}")

    def interrupt(self) -> None:
        """Have what runs in another thread end at once, with an error."""
        self._base.interrupt()

    def take_in(self, table: str, columns: Sequence[str], row: tuple[Any, ...]) -> None:
        """A row of another file of jobs, unless it is here."""
        names, places = ", ".join(columns), ", ".join("?" * len(row))
        self._queue = None
        self._base.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", row)

    def take_in_job(self, job: Job, sha256: str) -> None:
        """A job of before with the audio that it made."""
        self._queue = None
        values = (job.job_id, job.state, job.owner, job.priority, job.sequence, job.attempts, job.started, job.finished)
        columns = "job_id, state, owner, priority, sequence, attempts, started, finished, details, outcome"
        texts = (details_of(job), outcome_of(job))
        self._base.execute(f"INSERT INTO jobs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, *texts))
        self.use(job.job_id, sha256)

    def drop_unreadable(self) -> int:
        """Delete jobs whose row holds no job; gives how many are left."""
        self._queue = None
        for row in self._base.rows(f"SELECT {COLUMNS} FROM jobs"):
            if not set_aside(self._base, row, self.clock()):
                self._base.execute("DELETE FROM jobs WHERE number = ?", (row[0],))
        return self._base.number("SELECT count(*) FROM jobs")

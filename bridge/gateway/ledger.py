"""What the gateway must know after a restart: calls and their jobs, hosted files, uploads, webhooks on their way.

One SQLite file in the gateway's folder; every change is on the disk when the method returns. Knows no HTTP.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bridge.jobs.connection import Connection
from bridge.protocol.errors import StoreError

logger = logging.getLogger("bridge.gateway")
_LAYOUT = """
CREATE TABLE IF NOT EXISTS calls (
    request_id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL,
    client_key TEXT NOT NULL, job_id TEXT NOT NULL, created REAL NOT NULL, base TEXT NOT NULL,
    webhook TEXT NOT NULL, start_by REAL NOT NULL, keep_seconds REAL NOT NULL, answered INTEGER NOT NULL,
    outcome TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS calls_by_digest ON calls (digest);
CREATE INDEX IF NOT EXISTS calls_by_client_key ON calls (client_key);
CREATE TABLE IF NOT EXISTS hosted (
    token TEXT PRIMARY KEY, sha256 TEXT NOT NULL, content_type TEXT NOT NULL, file_name TEXT NOT NULL,
    size INTEGER NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, origin TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY, token TEXT NOT NULL, content_type TEXT NOT NULL, file_name TEXT NOT NULL,
    created REAL NOT NULL, keep_seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    request_id TEXT PRIMARY KEY, url TEXT NOT NULL, body BLOB NOT NULL, attempts INTEGER NOT NULL,
    next_attempt REAL NOT NULL, state TEXT NOT NULL, last_answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (
    job_id TEXT NOT NULL, take INTEGER NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (job_id, take));
"""
ANSWER_SECONDS = 86_400.0
_KEPT_SECONDS = 30 * 86_400.0
_MOST_CALLS = 2000
_UPLOAD_SECONDS = 7 * 86_400.0  # as long as the daemon keeps audio that no job uses
Row = TypeVar("Row", bound=msgspec.Struct)


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run or submit. `start_by` 0: whenever; `outcome` "" or what ended it before its job could."""

    request_id: str
    endpoint: str
    kind: str  # "run" or "submit"
    digest: str
    client_key: str = ""
    job_id: str = ""
    created: float
    base: str
    webhook: str = ""
    start_by: float = 0.0
    keep_seconds: float = 0.0
    answered: bool = False
    outcome: str = ""


class HostedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may be fetched by its token. `expires` 0: never; `origin` "upload", or the call that made it."""

    token: str
    sha256: str
    content_type: str
    file_name: str
    size: int
    created: float
    expires: float = 0.0
    origin: str = "upload"


class UploadRow(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that was announced; `token` is what the file will be fetched by."""

    upload_id: str
    token: str
    content_type: str
    file_name: str
    created: float
    keep_seconds: float = 0.0


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. `state`: pending, delivered, given_up."""

    request_id: str
    url: str
    body: bytes
    attempts: int = 0
    next_attempt: float = 0.0
    state: str = "pending"
    last_answer: str = ""


class MarkRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said of a take: "kept", "rejected", "" for nothing. `take` counts a job's results from 0."""

    job_id: str
    take: int
    mark: str


_TABLES: dict[type[msgspec.Struct], str] = {
    CallRow: "calls",
    HostedRow: "hosted",
    UploadRow: "uploads",
    DeliveryRow: "deliveries",
    MarkRow: "marks",
}


class Ledger:
    """The file. Use it on one thread. Each call raises StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._base = Connection(path, str(path), called="file of calls")
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.script(_LAYOUT)
        except (sqlite3.Error, StoreError) as error:
            raise StoreError(
                f"{path} cannot be used: {error.__cause__ or error}. "
                "Remove the file: calls that wait for a result are forgotten."
            ) from error
        path.chmod(0o600)
        self._calls: OrderedDict[str, CallRow] = OrderedDict()  # as they are in the file: clients poll

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def keep(self, row: msgspec.Struct) -> None:
        """Write a row, or replace it."""
        if isinstance(row, CallRow):
            self._calls.pop(row.request_id, None)
        values = msgspec.structs.asdict(row)
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        table = _TABLES[type(row)]
        self._base.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))

    def call(self, request_id: str) -> CallRow | None:
        """A call by its id."""
        known = self._calls.get(request_id) or self._one(CallRow, "request_id = ?", request_id)
        if known is not None:
            self._calls[request_id] = known
            if len(self._calls) > _MOST_CALLS:
                self._calls.popitem(last=False)
        return known

    def forget_call(self, request_id: str) -> None:
        """A call whose input was refused."""
        self._calls.pop(request_id, None)
        self._base.execute("DELETE FROM calls WHERE request_id = ?", (request_id,))

    def unanswered(self, digest: str = "") -> list[CallRow]:
        """Calls whose answer did not reach the caller, those with this digest or all; the newest first."""
        return self._all(CallRow, "answered = 0 AND (?1 = '' OR digest = ?1) ORDER BY created DESC", digest)

    def call_of(self, client_key: str) -> CallRow | None:
        """The call of the last 24 h under a key that its client chose."""
        return self._one(CallRow, "client_key = ? AND created > ?", client_key, time.time() - ANSWER_SECONDS)

    def calls_with_webhook(self) -> list[CallRow]:
        """Calls that asked for a webhook which is not written yet."""
        rest = "webhook <> '' AND job_id <> '' AND request_id NOT IN (SELECT request_id FROM deliveries)"
        return self._all(CallRow, rest)

    def calls_to_start(self) -> list[CallRow]:
        """Calls with a time by which they must have been started."""
        return self._all(CallRow, "start_by > ? AND job_id <> '' AND outcome = ''", time.time() - 60)

    def hosted(self, token: str) -> HostedRow | None:
        """A hosted file that has not expired."""
        return self._one(HostedRow, "token = ? AND (expires = 0 OR expires > ?)", token, time.time())

    def hosted_bytes(self) -> int:
        """The size of the uploads that are kept: for a week, unless they expire before; each file once."""
        kept = "origin = 'upload' AND created > ? AND (expires = 0 OR expires > ?)"
        query = f"SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT sha256, size FROM hosted WHERE {kept})"
        now = time.time()
        return self._base.number(query, (now - _UPLOAD_SECONDS, now))

    def upload(self, upload_id: str) -> UploadRow | None:
        """An announced upload."""
        return self._one(UploadRow, "upload_id = ?", upload_id)

    def delivery(self, request_id: str) -> DeliveryRow | None:
        """The webhook of a call."""
        return self._one(DeliveryRow, "request_id = ?", request_id)

    def deliveries(self, state: str) -> list[DeliveryRow]:
        """Webhooks in a state."""
        return self._all(DeliveryRow, "state = ?", state)

    def all_deliveries(self, limit: int) -> list[DeliveryRow]:
        """The newest webhooks."""
        return self._all(DeliveryRow, "1 ORDER BY rowid DESC LIMIT ?", limit)

    def marks(self, job_id: str) -> dict[int, str]:
        """The marks of a job's takes."""
        return {row.take: row.mark for row in self._all(MarkRow, "job_id = ? AND mark <> ''", job_id)}

    def call_of_job(self, job_id: str) -> CallRow | None:
        """The call that made a job."""
        return self._one(CallRow, "job_id = ?", job_id)

    def clean(self, kept_seconds: float = _KEPT_SECONDS) -> None:
        """Forget what is older than a month, and files that have expired."""
        now = time.time()
        for table in ("calls", "hosted", "uploads"):
            self._base.execute(f"DELETE FROM {table} WHERE created < ?", (now - kept_seconds,))
        self._base.execute("DELETE FROM hosted WHERE expires <> 0 AND expires < ?", (now,))
        self._base.execute(
            "DELETE FROM deliveries WHERE state <> 'pending' AND request_id NOT IN (SELECT request_id FROM calls)"
        )

    def _one(self, kind: type[Row], where: str, *values: Any) -> Row | None:
        rows = self._all(kind, where, *values)
        return rows[0] if rows else None

    def _all(self, kind: type[Row], where: str, *values: Any) -> list[Row]:
        cursor = self._base.execute(f"SELECT * FROM {_TABLES[kind]} WHERE {where}", values)
        names = [column[0] for column in cursor.description]
        return list(_readable(kind, [dict(zip(names, row, strict=True)) for row in cursor]))


def _readable(kind: type[Row], rows: Iterable[dict[str, Any]]) -> Iterator[Row]:
    """Those that hold what they should: one that is damaged holds up no other."""
    for row in rows:
        try:
            yield msgspec.convert(row, kind, strict=False)
        except msgspec.ValidationError as error:
            logger.warning("a record of %s is damaged: %s", _TABLES[kind], error)

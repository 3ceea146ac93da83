"""A connection to the file of jobs whose failures have names. Knows SQLite's codes, no table."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bridge.protocol.errors import StoreError, StoreUnavailable
from engine.atomic import sync

BUSY_SECONDS = 0.1  # that the daemon's loop may stand while another program holds the file
MOST_PAGES = 8000  # in the write-ahead log before SQLite itself moves them, which holds up the loop
_LONG = 1000  # changed rows, some thousand pages of 4 kB
_END_SECONDS = 1.0  # that the end of the daemon waits for a slow disk
_FREE = "Free some space, or delete old jobs: acestep-bridge jobs delete --older-than 30"
LOOK = "Look at the disk."
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: ("store_busy", "Another program holds the file of jobs.", "Close it, or try again."),
    sqlite3.SQLITE_LOCKED: ("store_busy", "Another program holds the file of jobs.", "Close it, or try again."),
    sqlite3.SQLITE_FULL: ("disk_full", "The disk is full: the file of jobs cannot be written.", _FREE),
    sqlite3.SQLITE_IOERR: ("disk_error", "The disk does not take or give the file of jobs.", LOOK),
    sqlite3.SQLITE_READONLY: ("disk_error", "The file of jobs may not be written.", "Look at its permissions."),
    sqlite3.SQLITE_CANTOPEN: ("disk_error", "The file of jobs cannot be opened.", "Look at its folder."),
    sqlite3.SQLITE_NOMEM: ("disk_error", "There is no memory for the file of jobs.", "Close other programs."),
}
DAMAGED = "`acestep-bridge jobs repair` makes a new one from what can be read and from the audio files."


class Connection:
    """SQLite in autocommit mode. Every call raises StoreUnavailable, StoreError for a damaged file."""

    def __init__(self, path: Path, name: str, *, uri: bool = False) -> None:
        self._path = path
        with self._named():
            self._base = sqlite3.connect(name, isolation_level=None, uri=uri, timeout=BUSY_SECONDS)

    def execute(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        with self._named():
            return self._base.execute(query, values)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._named():
            return self._base.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with self._named():
            row: tuple[Any, ...] | None = self._base.execute(query, values).fetchone()
            return row

    def script(self, text: str) -> None:
        """Run several statements."""
        with self._named():
            self._base.executescript(text)

    @property
    def changes(self) -> int:
        """Rows that were changed since it was opened."""
        return self._base.total_changes

    @property
    def in_transaction(self) -> bool:
        """Whether changes wait for a COMMIT."""
        return self._base.in_transaction

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise StoreError(f"The file of jobs {self._path} is damaged: {error}. {DAMAGED}") from error
            if code in _UNAVAILABLE:
                raise StoreUnavailable(*_UNAVAILABLE[code]) from error
            raise


class Journal:
    """SQLite's write-ahead log: synced before a change is acknowledged, moved into the file of jobs beside the work.

    SQLite would move it in the middle of a commit, and wait for the disk twice. The log is a file as long as `base` is
    open.
    """

    def __init__(self, path: Path, base: Connection) -> None:
        self._path, self._base = path, base
        self._file: int | None = None
        self._moved, self._moving = 0, threading.Lock()

    def sync(self) -> None:
        """Have on the disk what was committed before this call, through a loss of power too; from any thread.

        As `synchronous=FULL` does at the end of each transaction. Raises StoreUnavailable.
        """
        try:
            if self._file is None:
                self._file = os.open(f"{self._path}-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))
            sync(self._file, data_only=True)
        except OSError as error:
            raise StoreUnavailable("disk_error", f"The disk does not keep the file of jobs: {error}.", LOOK) from error

    def move_when_long(self) -> None:
        """Begin to move it, in a thread of its own, once for each thousand changes."""
        changes = self._base.changes
        if changes - self._moved >= _LONG and self._moving.acquire(blocking=False):
            self._moved = changes
            threading.Thread(target=self._move, daemon=True).start()

    def _move(self) -> None:
        """As far as nobody reads it. What the disk refuses stays for the next time."""
        try:
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self._path)) as base:
                base.execute("PRAGMA checkpoint_fullfsync=1")  # macOS: as `engine.atomic.sync`
                base.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._moving.release()

    def close(self) -> None:
        """Let go of the file."""
        if self._moving.acquire(timeout=_END_SECONDS):
            self._moving.release()
        if self._file is not None:
            os.close(self._file)
            self._file = None

"""A connection to the file of jobs whose failures have names. Knows SQLite's codes, no table."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bridge.protocol.errors import StoreError, StoreUnavailable

BUSY_SECONDS = 0.1  # that the daemon's loop may stand while another program holds the file
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

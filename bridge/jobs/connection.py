"""A connection to the file of jobs whose failures have names. Knows SQLite's codes, no table."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from bridge.protocol.errors import StoreError, StoreUnavailable
from engine.atomic import replaced, sync

BUSY_SECONDS = 0.1  # that the daemon's loop may stand while another program holds the file
MOST_PAGES = 8000  # in the write-ahead log before SQLite itself moves them, which holds up the loop
JOURNAL_BYTES = 3 << 23  # that a daemon's log of changes has from the start: room for a thousand submits at once
_PIECE_BYTES = 1 << 20
_SHARE = 20  # of what is free on the disk, one part of so many may be taken for it
_LONG, _VERY_LONG = 1000, 4000  # changed rows: 6 MB, 24 MB
_QUIET_SECONDS = 0.2
_END_SECONDS = 1.0  # that the end of the daemon waits for a slow disk
FREE_SOME = "Free some space, or delete old jobs: acestep-bridge jobs delete --older-than 30"
LOOK = "Look at the disk."
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: ("store_busy", "Another program holds the file of jobs.", "Close it, or try again."),
    sqlite3.SQLITE_LOCKED: ("store_busy", "Another program holds the file of jobs.", "Close it, or try again."),
    sqlite3.SQLITE_FULL: ("disk_full", "The disk is full: the file of jobs cannot be written.", FREE_SOME),
    sqlite3.SQLITE_IOERR: ("disk_error", "The disk does not take or give the file of jobs.", LOOK),
    sqlite3.SQLITE_READONLY: ("disk_error", "The file of jobs may not be written.", "Look at its permissions."),
    sqlite3.SQLITE_CANTOPEN: ("disk_error", "The file of jobs cannot be opened.", "Look at its folder."),
    sqlite3.SQLITE_NOMEM: ("disk_error", "There is no memory for the file of jobs.", "Close other programs."),
}
DAMAGED = "`acestep-bridge jobs repair` makes a new one from what can be read and from the audio files."


class Connection:
    """SQLite in autocommit mode. Every call raises StoreUnavailable, StoreError for a damaged file, which say what the
    file is called.
    """

    def __init__(self, path: Path, name: str, *, uri: bool = False, called: str = "file of jobs") -> None:
        self._path, self._called = path, called
        self._files = _identities(path)
        with self._named():
            self._base = sqlite3.connect(name, isolation_level=None, uri=uri, timeout=BUSY_SECONDS)
            self._base.text_factory = partial(str, encoding="utf-8", errors="replace")  # one damaged text is no fault

    def execute(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        try:  # not `_named`, which takes as long as the statement
            return self._base.execute(query, values)
        except sqlite3.Error as error:
            self._raise(error)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._named():
            return self._base.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        try:
            row: tuple[Any, ...] | None = self._base.execute(query, values).fetchone()
        except sqlite3.Error as error:
            self._raise(error)
        return row

    def number(self, query: str, values: Sequence[Any] = ()) -> int:
        """The first value of the first row of a query, 0 where there is none."""
        row = self.row(query, values)
        return int(row[0]) if row else 0

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

    def copy_to(self, path: Path) -> None:
        """Write everything into a new file of that name. Raises OSError, StoreUnavailable."""
        for side in ("-wal", "-shm"):  # of a file that was there: they would be taken for the new one's
            path.with_name(f"{path.name}{side}").unlink(missing_ok=True)
        with replaced(path) as temporary, self._named(), contextlib.closing(sqlite3.connect(temporary)) as copy:
            self._base.backup(copy)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def note_its_files(self) -> None:
        """Remember which files lie at the names of this one, of its log and of the log's index: all are there."""
        self._files = _identities(self._path)

    def has_its_files(self) -> bool:
        """Whether they still do. Another program may remove them; what is written then ends with this process."""
        return _identities(self._path) == self._files

    def put_back(self) -> bool:
        """Bring everything into the file at its name; whether that could be done now. It is to be opened anew then.

        A file that lies in the place of this one is put aside. Raises OSError, StoreUnavailable.
        """
        there = _identities(self._path)[0]
        if there == self._files[0]:  # what its log holds, named or not, goes where it belongs
            return not self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if there:
            os.replace(self._path, self._path.with_name(f"{self._path.name}.put-aside"))
        self.copy_to(self._path)
        return True

    def interrupt(self) -> None:
        """End the statement that runs in another thread. That one raises sqlite3.OperationalError."""
        self._base.interrupt()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._raise(error)

    def _raise(self, error: sqlite3.Error) -> NoReturn:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise StoreError(f"The {self._called} {self._path} is damaged: {error}. {DAMAGED}") from error
        if code in _UNAVAILABLE:
            kind, message, remedy = _UNAVAILABLE[code]
            raise StoreUnavailable(kind, message.replace("file of jobs", self._called), remedy) from error
        raise error


def _identities(path: Path) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for side in ("", "-wal", "-shm"):
        try:
            status = os.stat(f"{path}{side}")
            found.append((status.st_dev, status.st_ino))
        except FileNotFoundError:
            found.append(None)
    return found


class Journal:
    """SQLite's write-ahead log: synced before a change is acknowledged, moved into the file of jobs beside the work.

    SQLite would move it in the middle of a commit, and wait for the disk twice. The log is a file as long as `base` is
    open.
    """

    def __init__(self, path: Path, base: Connection) -> None:
        self._path, self._base = path, base
        self._file: int | None = None
        self._changes, self._moved, self._written = 0, 0, 0.0  # rows; rows; when, by a clock that nobody sets
        self._moving, self._ending = threading.Lock(), threading.Event()

    def lengthen(self, size: int) -> None:
        """Fill the log with zeros up to `size` bytes, which SQLite writes over.

        A file that grows has its new length put into the file system's journal at each sync, behind what all others
        write: 4 to 14 ms for one in a hundred instead of 0.3. Does nothing where the disk is nearly full, or another
        program holds the file.
        """
        if shutil.disk_usage(self._path.parent).free < _SHARE * size:
            return
        with contextlib.suppress(StoreUnavailable):
            self._base.execute("BEGIN IMMEDIATE")  # nobody else writes at the end of the log meanwhile
            try:
                self._fill(self._opened(), size)
            finally:
                self._base.execute("ROLLBACK")

    def _fill(self, file: int, size: int) -> None:
        before = os.fstat(file).st_size
        try:
            os.lseek(file, before, os.SEEK_SET)
            for at in range(before, size, _PIECE_BYTES):
                os.write(file, bytes(min(_PIECE_BYTES, size - at)))
            sync(file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, before)

    def sync(self) -> None:
        """Have on the disk what was committed before this call, through a loss of power too; from any thread.

        As `synchronous=FULL` does at the end of each transaction. Raises StoreUnavailable.
        """
        try:
            sync(self._opened(), data_only=True)
        except OSError as error:
            raise StoreUnavailable("disk_error", f"The disk does not keep the file of jobs: {error}.", LOOK) from error

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(f"{self._path}-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))
        return self._file

    def move_when_long(self) -> None:
        """Begin to move it, in a thread of its own, once for each thousand changes; called after each of them."""
        self._changes, self._written = self._base.changes, time.monotonic()
        if self._changes - self._moved >= _LONG and self._moving.acquire(blocking=False):
            threading.Thread(target=self._move, daemon=True).start()

    def _move(self) -> None:
        """As far as nobody reads it. What the disk refuses stays for the next time."""
        try:
            self._wait_until_quiet()
            self._moved = self._changes
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self._path)) as base:
                base.execute("PRAGMA checkpoint_fullfsync=1")  # macOS: as `engine.atomic.sync`
                base.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._moving.release()

    def _wait_until_quiet(self) -> None:
        """Moving takes the disk, for which clients wait: it begins when nothing was written for a moment."""
        while time.monotonic() - self._written < _QUIET_SECONDS and self._changes - self._moved < _VERY_LONG:
            if self._ending.wait(_QUIET_SECONDS / 2):
                return

    def close(self) -> None:
        """Let go of the file."""
        self._ending.set()
        if self._moving.acquire(timeout=_END_SECONDS):
            self._moving.release()
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextlib.contextmanager
def usable(path: Path) -> Iterator[None]:
    """What SQLite cannot say more of is a file that cannot be used. Raises StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"The job store {path} cannot be used: {error}. {DAMAGED}") from error

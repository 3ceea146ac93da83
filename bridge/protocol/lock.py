"""A file lock held by a process: who has it runs. Released by the system when the process ends, however it ends.

POSIX: flock; Windows: msvcrt.locking on a byte far behind the content. Knows nothing of daemons.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_FAR = 1 << 30


class FileLock:
    """An exclusive lock on `path`. `acquire` says whether it was got; it never waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it. Raises OSError if the file cannot be opened."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        os.set_inheritable(descriptor, False)
        if not _try_lock(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give it back; harmless if it was never got."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


class HomeLock(FileLock):
    """The lock of the product's folder: on its `daemon.lock`, which others look at, and on the folder itself, where the
    system lets one: so that a lock file that somebody removes lets no second daemon in.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(home / "daemon.lock")
        self._folder: int | None = None

    def acquire(self) -> bool:
        """Take both if nobody has one. Raises OSError if the file cannot be opened."""
        if super().acquire():
            if self._got_folder():
                return True
            self.release()
        return False

    def _got_folder(self) -> bool:
        if sys.platform == "win32":  # there, a file that is open is not removed
            return True
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            if _try_lock(folder):
                self._folder = folder
                return True
        except OSError:  # a file system that locks no folders
            os.close(folder)
            return True
        os.close(folder)
        return False

    def put_back(self) -> bool:
        """Take the file again if somebody has removed or replaced it; whether that was so. Raises OSError."""
        assert self._descriptor is not None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path), os.fstat(self._descriptor)):
                return False
        before, self._descriptor = self._descriptor, None
        if super().acquire():
            os.close(before)
            return True
        self._descriptor = before  # somebody looks at the new one just now
        return False

    def release(self) -> None:
        """Give both back; harmless if they were never got."""
        super().release()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at `path`."""
    if not path.exists():
        return False
    with FileLock(path) as lock:
        return not lock.acquire()

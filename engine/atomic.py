"""Writing a file so that it is there whole or not at all: a temporary name beside it, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import EngineError

try:
    import fcntl
except ImportError:  # Windows, whose fsync writes through the drive's cache
    fcntl = None  # type: ignore[assignment]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_HERE = (errno.EINVAL, errno.ENOTSUP, errno.ENOTTY)  # a file system that has no such call
_MOST_RESERVED_BYTES = 1 << 26  # where a file system cannot reserve, the C library writes into every block instead


class WriteError(EngineError):
    """A file could not be written. Nothing was left behind and an older file of that name is untouched."""


@contextlib.contextmanager
def naming(path: str | os.PathLike[str], instead_of: Path | None = None) -> Iterator[None]:
    """An OSError inside says which file could not be written: a full disk is met while writing, which names none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or error.filename == str(instead_of)):
            error.filename, error.filename2 = os.fspath(path), None
        raise


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new path in the same folder that becomes `path` if the block ends well, and vanishes if not.

    What was written is on the disk, and so is its name, before this returns. Raises OSError.
    """
    target = Path(path)
    start = os.fsencode(target.name)[:80].decode(errors="ignore")  # names are limited in bytes
    temporary = target.with_name(f".{start}.{secrets.token_hex(4)}.part")
    try:
        with naming(target, instead_of=temporary):
            yield temporary
            _sync(temporary)
            os.replace(temporary, target)
            sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """`replaced` for a file that a user asked for: what goes wrong is said in words.

    Raises WriteError for a missing folder, a full disk or a lack of permission.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise WriteError(f"cannot write {target}: the folder {target.parent} does not exist. Create it first.")
    try:
        with replaced(target) as temporary:
            yield temporary
    except OSError as error:
        raise _write_error(target, error) from error


def reserve(file: BinaryIO, size: int) -> None:
    """Have the system find room for `size` bytes of a file at once: a third less time for writing it on ext4.

    Does nothing where that is not possible. Raises OSError for a full disk.
    """
    if not 0 < size <= _MOST_RESERVED_BYTES or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in _FULL:
            raise


def sync(handle: int, data_only: bool = False) -> None:
    """Have on the disk what was written to a file, through a loss of power too. Raises OSError.

    macOS's fsync leaves it in the drive's own cache, which F_FULLFSYNC empties (its manual page fsync(2)). `data_only`
    leaves out the time of change, which costs a commit of the file system's journal each time.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(handle, full)
            return
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    if data_only and hasattr(os, "fdatasync"):
        os.fdatasync(handle)
    else:
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Have the system write a folder's names to the disk. Windows does so by itself, and has no call for it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync(handle)
    except OSError as error:
        if error.errno not in _NOT_HERE:  # some network file systems
            raise
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        sync(file.fileno())


def _write_error(target: Path, error: OSError) -> WriteError:
    if error.errno in _FULL:
        return WriteError(f"cannot write {target}: the disk is full. Free some space and run it again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return WriteError(f"cannot write {target}: no permission to write there. Choose another folder.")
    return WriteError(f"cannot write {target}: {error.strerror or error}.")

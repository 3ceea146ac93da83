"""Audio files named by their SHA-256: written once, never changed. Knows no job and no audio format.

`<folder>/ab/<sha256>.wav`; what is being made lies in `<folder>/making` until it is renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.atomic import naming, reserve, sync, sync_folder

_HEX = frozenset("0123456789abcdef")
_PIECE_BYTES = 1 << 18  # larger writes were ten times slower on ext4, which then looks for large pages


class AudioStore:
    """The store in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.making = folder / "making"

    def make_folders(self) -> None:
        """Make the folders, readable by their user only."""
        for folder in (self.folder, self.making):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def find(self, sha256: str) -> Path | None:
        """The file of that hash, or None."""
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            return None
        with contextlib.suppress(OSError), os.scandir(self.folder / sha256[:2]) as entries:
            # not `glob`: Python keeps the pattern of each hash
            return next((Path(entry.path) for entry in entries if entry.name.startswith(f"{sha256}.")), None)
        return None

    def new_path(self, suffix: str) -> Path:
        """A path for a file to be made and then handed to `adopt`."""
        return self.making / f"{secrets.token_hex(8)}{suffix}"

    def put(self, data: bytes | bytearray | memoryview, suffix: str, sha256: str | None = None) -> tuple[str, Path]:
        """Store bytes; `sha256` where it is known. Raises OSError, a full disk among them; nothing is left then."""
        digest = sha256 or hashlib.sha256(data).hexdigest()
        known = self.find(digest)
        if known is not None and _is_kept(known):
            return digest, known
        path = self.new_path(suffix)
        try:
            with naming(self.folder), open(path, "xb") as file:
                reserve(file, len(data))
                for at in range(0, len(data), _PIECE_BYTES):
                    file.write(data[at : at + _PIECE_BYTES])
                file.flush()
                sync(file.fileno())
            return digest, self._take_in(path, digest)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def adopt(self, path: Path) -> tuple[str, Path]:
        """Take in a finished file of `new_path`, already synced. Raises OSError."""
        digest = hash_file(path)
        return digest, self._take_in(path, digest)

    def remove(self, sha256: str) -> None:
        """Forget a file; harmless if it is not there."""
        path = self.find(sha256)
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()

    def clean(self, is_used: Callable[[str], bool], older_than_seconds: float) -> int:
        """Remove what nobody uses and what was left half made, if old enough. Gives the number of files."""
        limit, removed = time.time() - older_than_seconds, 0
        left = [*self.making.glob("*"), *(p for p in self.paths() if not is_used(p.stem))]
        for path in left:
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed

    def remove_half_made(self, older_than_seconds: float) -> None:
        """Remove what writers that were killed have left in `making`."""
        limit = time.time() - older_than_seconds
        for path in self.making.glob("*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()

    def paths(self) -> Iterator[Path]:
        """Every file."""
        return self.folder.glob("[0-9a-f][0-9a-f]/*.*")

    def size(self) -> tuple[int, int]:
        """Number of files, and their bytes."""
        sizes = [size for folder in self.folder.glob("[0-9a-f][0-9a-f]") for size in _sizes(folder)]
        return len(sizes), sum(sizes)

    def _take_in(self, path: Path, digest: str) -> Path:
        known = self.find(digest)
        if known is not None and _is_kept(known):
            path.unlink()
            return known
        folder = self.folder / digest[:2]
        if not folder.is_dir():
            folder.mkdir(exist_ok=True, mode=0o700)
            sync_folder(self.folder)
        target = folder / f"{digest}{path.suffix}"
        os.replace(path, target)
        sync_folder(folder)
        return target


def _sizes(folder: Path) -> list[int]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [entry.stat().st_size for entry in entries]
    return []


def _is_kept(path: Path) -> bool:
    """Whether a file is still there; counts as young from now on, so that it is not cleaned before a job has it."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest, piece = hashlib.sha256(), memoryview(bytearray(_PIECE_BYTES))
    with open(path, "rb", buffering=0) as file:
        while got := file.readinto(piece):
            digest.update(piece[:got])
    return digest.hexdigest()


def suffix_of(data: bytes | bytearray | memoryview) -> str:
    """The file name's ending for audio bytes, by their first bytes; .audio if unknown."""
    from engine.audio.containers import kinds

    return kinds.suffix_of(bytes(data[: kinds.HEAD_BYTES]))

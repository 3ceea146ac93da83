"""Sources that jobs name by a path of this machine: whether the page may have them, and as they were. Knows no HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from bridge.files import AudioStore
from bridge.files.roots import check_allowed, named_path
from bridge.files.store import hash_file
from bridge.protocol.errors import RequestFailed
from engine.atomic import sync

GONE = "Its source is not here any more."
OUTSIDE = "Its source lies in a folder that this page may not read: start the gateway with --root FOLDER to hear it."
CHANGED = "Its source has changed since it was rendered."


class SourceFiles:
    """Looks under the folders that callers may name, and nowhere else."""

    def __init__(self, roots: Sequence[Path], store: AudioStore) -> None:
        self._roots, self._store = roots, store

    def look(self, audio: Any, sha256: str | None) -> tuple[Path | None, str]:
        """The file that a request's `audio` names, or why there is none, in words without a path.

        `sha256`: what it was when it was rendered, where that is known.
        """
        try:
            path = named_path(str(audio).removeprefix("file://"), "audio")
            if not path.is_absolute():
                return None, GONE
            check_allowed(path, self._roots)
            stat = path.stat()
        except RequestFailed as error:
            return None, OUTSIDE if error.code == "forbidden_path" else GONE
        except OSError:
            return None, GONE
        if not path.is_file():
            return None, GONE
        if sha256 and _hash(path, stat.st_mtime_ns, stat.st_size) != sha256:
            return None, CHANGED
        return path, ""

    def taken_in(self, path: Path) -> str:
        """The hash of a file, of which the store has a copy from now on. Raises OSError."""
        copy = self._store.new_path(path.suffix.lower())
        try:
            shutil.copyfile(path, copy)
            with open(copy, "rb+") as file:
                sync(file.fileno())
            return self._store.adopt(copy)[0]
        finally:
            copy.unlink(missing_ok=True)


@lru_cache(maxsize=256)
def _hash(path: Path, modified: int, size: int) -> str:
    return hash_file(path)

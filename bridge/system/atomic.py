"""Small files written whole or not at all, through `engine.atomic`."""

from __future__ import annotations

import os
from pathlib import Path

from engine.atomic import replaced


def write_atomic(path: Path, data: bytes, mode: int | None = None) -> None:
    """Replace or create `path` with `data`; a link stays one. Raises OSError, changing nothing.

    `mode` are its permissions; None keeps those of an existing file, and gives a new one 0644.
    """
    target = Path(os.path.realpath(path))
    kept = target.stat().st_mode & 0o777 if target.exists() else 0o644
    with replaced(target) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, kept if mode is None else mode)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its user can read, whole or not at all. Raises OSError."""
    write_atomic(path, data, 0o600)

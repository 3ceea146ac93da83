"""Paths as the bindings of the readers take them. Knows no audio."""

from __future__ import annotations

import io
import os
from pathlib import Path


def system_name(path: str | os.PathLike[str]) -> Path | bytes:
    """The path, or its bytes where they are no UTF-8: soundfile encodes texts strictly and fails for those."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path)
    return Path(path)


def name_or_content(path: Path) -> str | io.BytesIO:
    """The path, or what the file holds where its name is no UTF-8: pedalboard takes no bytes."""
    return io.BytesIO(path.read_bytes()) if isinstance(system_name(path), bytes) else str(path)

"""JSON files of checkpoints. Knows no layout and no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """A file that holds one JSON object. Raises CheckpointError, with the remedy, where it does not."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read as JSON ({error}). {remedy}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: got {type(value).__name__}, expected an object. {remedy}")
    return value

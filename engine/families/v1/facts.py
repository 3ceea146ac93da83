"""What a checkpoint of v1 says before it is loaded. Knows the folders' names; no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.constants import V1_GEOMETRY
from engine.errors import CheckpointError
from engine.families.facts import Facts

CONFIG = Path("ace_step_transformer", "config.json")


def facts_of(checkpoint: Path) -> Facts:
    """Geometry, and the defaults that its config gives. Raises CheckpointError for a config that cannot be read."""
    return Facts("v1", V1_GEOMETRY, _config(checkpoint).get("default_request") or {})


def _config(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / CONFIG
    if not path.is_file():
        return {}
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read as JSON ({error}). Get the checkpoint again.") from error
    return config

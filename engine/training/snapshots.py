"""Training states on disk, so that a run goes on where it was stopped. Loaded without pickled code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save_snapshot(path: Path, step: int, **parts: Any) -> None:
    """Write the parts' state_dicts and the step; the old file stays whole until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, partial)
    os.replace(partial, path)


def load_snapshot(path: Path, **parts: Any) -> int:
    """Fill the parts from `path` if it is there; returns the step to go on from."""
    if not path.exists():
        return 0
    saved = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["step"])

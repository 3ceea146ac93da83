"""Training states on disk, so that a run goes on where it was stopped. Loaded without pickled code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.atomic import replaced


def save_snapshot(path: Path, step: int, **parts: Any) -> None:
    """Write the parts' state_dicts and the step; the old file stays whole until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as partial:
        torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, partial)


def save_start(path: Path, model: Any) -> None:
    """Write a model's weights as a snapshot of step 0, from which training starts with fresh optimisers."""
    save_snapshot(path, 0, model=model)


def load_snapshot(path: Path, **parts: Any) -> int:
    """Fill the parts from `path` if it is there; returns the step to go on from.

    At step 0 only the model is there, and the averaged weights (if they are a part) start from it.
    """
    if not path.exists():
        return 0
    saved = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        if name in saved:
            part.load_state_dict(saved[name])
        elif saved["step"] == 0 and name == "average":
            part.copy_from(saved["model"])
        elif saved["step"]:
            raise KeyError(f"{path}: got {sorted(saved)}, expected {name!r} too; train it again")
    return int(saved["step"])

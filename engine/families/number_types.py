"""The number type that a checkpoint's weights are held in. Knows facts and devices, no network."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.families.table import facts_of
from engine.memory.device import choose_dtype

LARGE_BYTES = 1_000_000_000  # from here on products, not their calls, are what takes time


def dtype_of(checkpoint: Path, size_bytes: int, device: torch.device, dtype: str = "auto") -> torch.dtype:
    """As named, or "auto". Raises EngineError for a name that is none, CheckpointError for configs that are."""
    large = dtype == "auto" and device.type == "cpu" and size_bytes >= LARGE_BYTES
    return choose_dtype(device, dtype, halves=large and facts_of(checkpoint).halves)

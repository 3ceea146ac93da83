"""Which device and number type a model runs with, and what is free there. Knows no model."""

from __future__ import annotations

import torch

from engine.errors import EngineError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def choose_device(device: str = "auto") -> torch.device:
    """A device by name; "auto" is cuda, mps, cpu in this order. Raises EngineError for one that is not there."""
    if device != "auto":
        return _checked(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_dtype(device: torch.device, dtype: str = "auto") -> torch.dtype:
    """A number type by name; "auto" is bf16 on CUDA and fp32 elsewhere."""
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if dtype not in DTYPES:
        raise EngineError(f"dtype: got {dtype!r}, expected auto, {', '.join(DTYPES)}. Choose one of these.")
    return DTYPES[dtype]


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was told (so that timings are true)."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _checked(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(
            f"device: got {name!r}, which cannot be used here ({error}). Choose auto, cpu, cuda or mps."
        ) from error
    return device

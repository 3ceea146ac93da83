"""Which device and number type a model runs with, and what is free there. Knows no model."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from engine.errors import EngineError

AHEAD = 2
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def choose_device(device: str = "auto") -> torch.device:
    """A device by name; "auto" is cuda, mps, cpu in this order. Raises EngineError for one that is not there."""
    if device != "auto":
        return _checked(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_dtype(device: torch.device, dtype: str = "auto", halves: bool = False) -> torch.dtype:
    """A number type by name; "auto" is bf16 on CUDA and fp32 elsewhere.

    `halves`: a large model of 16 bits, for which a processor takes bf16 where that is measured to be faster.
    """
    if dtype == "auto":
        if halves and device.type == "cpu":
            from engine.memory.processor import rates

            return torch.bfloat16 if rates().halves_pay else torch.float32
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


class Pace:
    """Keeps the host at most `AHEAD` evaluations before the device, so that progress is true and a cancel is quick.

    It waits for an evaluation long ordered, never for the one that runs, so that the device always has work.
    """

    def __init__(self, device: torch.device) -> None:
        self._events: deque[torch.cuda.Event] | None = deque() if device.type == "cuda" else None

    def __call__(self) -> None:
        """Note that one more evaluation is about to be ordered."""
        if self._events is None:
            return
        event = torch.cuda.Event()
        event.record()
        self._events.append(event)
        if len(self._events) > AHEAD:
            self._events.popleft().synchronize()


def memory_of_gpu() -> int:
    """Bytes of memory of the first CUDA device that this process sees; 0 without one."""
    return int(torch.cuda.mem_get_info()[1]) if torch.cuda.is_available() else 0


def to_host(tensor: Tensor) -> Tensor:
    """A copy in main memory; from CUDA through pinned memory, which is several times faster."""
    if not tensor.is_cuda:
        return tensor.cpu()
    out = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    out.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensor.device).synchronize()
    return out


def exact_convolutions() -> AbstractContextManager[None]:
    """In here CUDA's float32 convolutions are not rounded to TF32's ten bits."""
    return torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False)


def _checked(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(
            f"device: got {name!r}, which cannot be used here ({error}). Choose auto, cpu, cuda or mps."
        ) from error
    return device

"""What this machine can do at best: the ceilings that floors are computed with, measured here."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from statistics import median

import torch

from engine.networks.products import linear


@dataclass(frozen=True)
class Ceilings:
    """Operations a second of a large matrix product, bytes a second of a large copy (read and written)."""

    operations: float
    bytes: float


def describe(threads: int) -> dict[str, object]:
    """The machine in words and numbers, with the load that others put on it."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": device,
        "load": load,
        **{f"ceiling_{name}": value for name, value in asdict(ceilings("cpu", torch.float32)).items()},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


@cache
def ceilings(device: str, dtype: torch.dtype) -> Ceilings:
    """Measured on `device` with the threads that torch has now."""
    big = device != "cpu"
    side, length = (8192, 1 << 29) if big else (1536, 1 << 26)
    a = torch.randn(side, side, device=device).to(dtype)
    product = min(_seconds(lambda: a @ a, device), _seconds(torch.inference_mode()(lambda: linear(a, a)), device))
    x = torch.zeros(length, dtype=torch.uint8, device=device)
    y = torch.empty_like(x)
    copy = _seconds(lambda: y.copy_(x), device)
    return Ceilings(2 * side**3 / product, 2 * length / copy)


def _seconds(work: Callable[[], object], device: str, rounds: int = 7) -> float:
    def run() -> float:
        clock = time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
        began = clock()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        return clock() - began

    run(), run()
    return median(run() for _ in range(rounds))

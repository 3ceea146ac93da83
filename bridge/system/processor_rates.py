"""How fast this machine's processor multiplies, measured once in a process of its own and kept in the home folder.

`engine.memory.processor` measures; this loads no torch. Measured again when processor, cores or PyTorch are others.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.atomic import WriteError, replacing

FILE = "processor.json"
PROBE_SECONDS = 60.0
PROBE = """
import dataclasses, json
from engine.memory.processor import rates
print(json.dumps(dataclasses.asdict(rates())))
"""


@dataclass(frozen=True)
class ProcessorRates:
    """Operations a second of products with weights, on all cores."""

    float32: float
    bfloat16: float
    int8: float

    @property
    def text(self) -> str:
        """In a few words."""
        each = (("float32", self.float32), ("bfloat16", self.bfloat16), ("8 bits", self.int8))
        return ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in each if rate) + " GFLOP/s"


def processor_rates(home: Path) -> ProcessorRates | None:
    """What is kept, else measured now; None where PyTorch does not start."""
    kept = kept_rates(home)
    if kept is not None:
        return kept
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS)
        rates = ProcessorRates(**json.loads(done.stdout.strip().splitlines()[-1]))
    except (OSError, ValueError, TypeError, IndexError, subprocess.SubprocessError, RecursionError):
        return None
    keep_rates(home, rates)
    return rates


def kept_rates(home: Path) -> ProcessorRates | None:
    """What was measured on this machine, with this PyTorch."""
    try:
        kept = json.loads((home / FILE).read_text(encoding="utf-8"))
        return ProcessorRates(**kept["rates"]) if kept["machine"] == _machine() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def keep_rates(home: Path, rates: ProcessorRates) -> None:
    """For the next time; a folder that cannot be written is passed over."""
    text = json.dumps({"machine": _machine(), "rates": asdict(rates)})
    with contextlib.suppress(OSError, WriteError):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(home / FILE) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _machine() -> list[str]:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return [platform.machine(), processor_name(), str(os.cpu_count()), importlib.metadata.version("torch")]
    return []


def processor_name() -> str:
    """The processor's name, as far as the system says it."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor()

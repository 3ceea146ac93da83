"""The devices of `--device`, and how processes share a processor. Knows no process."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from engine.errors import InvalidRequest

MAX_WORKERS = 64
_DEVICE = re.compile(r"(auto|cpu|mps|cuda(?::\d+)?)(?:\*([1-9]\d?))?")


def devices_of(text: str) -> list[str]:
    """The devices of `--device`: "cuda:0,cuda:1", "cpu*2". Raises InvalidRequest for a word that is none."""
    devices: list[str] = []
    for word in text.split(","):
        match = _DEVICE.fullmatch(word.strip())
        if match is None or (match[1] == "auto" and "," in text):
            expected = "auto, cpu, mps, cuda or cuda:0; several with commas; cpu*2 for two processes"
            raise InvalidRequest("device", repr(text), expected, "Leave it out for the best of this machine.")
        devices += [match[1]] * int(match[2] or 1)
    if len(devices) > MAX_WORKERS:
        got = f"{len(devices)} devices"
        raise InvalidRequest("device", got, f"at most {MAX_WORKERS}", "Use a cluster: serve --executor ray.")
    return devices


def threads_each(devices: Sequence[str]) -> int:
    """Threads of each process on the processor, so that they share it."""
    return max(1, (os.cpu_count() or 1) // max(1, devices.count("cpu")))

"""Main memory: what is free, and whether a job's results fit into it. Knows requests; knows no torch and no model.

Items go through the model in batches that fit, so it is their finished audio, kept until all are written, that limits
how many there can be.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine.constants import OUTPUT_SAMPLE_RATE
from engine.errors import EngineError, InvalidRequest

LIMIT_VARIABLE = "ACESTEP_MEMORY_LIMIT"
SAMPLE_BYTES = 4
COPIES = 2  # of each result: as kept, and while it is joined and written
UNLIMITED = 1 << 62


@dataclass(frozen=True)
class SourceShape:
    """Length, channels and rate of the source of a job."""

    samples: int
    channels: int
    sample_rate: int


def free_main_memory() -> int:
    """Bytes that programs can have without the system swapping, within `ACESTEP_MEMORY_LIMIT`."""
    import psutil

    return min(int(psutil.virtual_memory().available), memory_limit())


def memory_limit() -> int:
    """What `ACESTEP_MEMORY_LIMIT` (GB) leaves to this program, in bytes; very much without it. Raises EngineError."""
    given = os.environ.get(LIMIT_VARIABLE, "").strip()
    try:
        return int(float(given) * 1e9) if given else UNLIMITED
    except ValueError as error:
        raise EngineError(f"{LIMIT_VARIABLE}: got {given!r}, expected gigabytes, such as 6. Mend it.") from error


def give_back() -> None:
    """Return memory that is free in this process to the system, where the C library can (glibc).

    It keeps freed blocks below one that is in use, and a process that makes pieces of many lengths grows by them.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@contextlib.contextmanager
def returning_memory() -> Iterator[None]:
    """`give_back` at the end, whatever happened."""
    try:
        yield
    finally:
        give_back()


@cache
def _trim() -> Any:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            return ctypes.CDLL(None).malloc_trim
    return None


def check_results_fit(request: Any, source: SourceShape | None, free: int) -> None:
    """Raises InvalidRequest with numbers where all results of a request do not fit into `free` bytes."""
    items = _number(request, "variations") * _number(request, "candidates")
    each = _result_bytes(request, source)
    if items * each <= free:
        return
    field = next((name for name in ("variations", "candidates") if _number(request, name) > 1), "duration")
    most = free // each
    remedy = "Ask for fewer, for a shorter piece, or for output=clip." if items > 1 else "Close other programs."
    raise InvalidRequest(
        field,
        f"{items} result(s) of {each / 1e6:.0f} MB each, {items * each / 1e9:.2f} GB in all",
        f"at most {most} with {free / 1e9:.2f} GB of free memory",
        remedy,
    )


def _result_bytes(request: Any, source: SourceShape | None) -> int:
    """Bytes that one result takes until it is written."""
    rate = _number(request, "sample_rate", source.sample_rate if source else OUTPUT_SAMPLE_RATE)
    if source is None:
        samples, channels = _number(request, "duration", 60.0) * rate, 2
    else:
        seconds = _new_seconds(request, source.samples / source.sample_rate)
        samples, channels = seconds * rate, min(source.channels, 2)
    return max(1, int(samples * channels * SAMPLE_BYTES * COPIES))


def _new_seconds(request: Any, source_seconds: float) -> float:
    """Length of one result: the whole file with what is added, or the clip."""
    if hasattr(request, "extend_after_duration"):
        before, after = _number(request, "extend_before_duration", 0.0), _number(request, "extend_after_duration", 30.0)
        return before + after + (0.0 if _given(request, "output") == "clip" else source_seconds)
    if _given(request, "output") != "clip":
        return source_seconds
    start, end = _number(request, "start_time", 0.0), _number(request, "end_time", source_seconds)
    return abs(end - start) if abs(end - start) <= source_seconds else source_seconds


def _number(request: Any, name: str, default: float = 1) -> Any:
    value = _given(request, name)
    return default if value is None else value


def _given(request: Any, name: str) -> Any:
    from msgspec import UNSET

    value = getattr(request, name, None)
    return None if value is UNSET else value

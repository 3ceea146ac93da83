"""Main memory: what is free, and whether a job's results fit into it. Knows extents; knows no torch and no model.

Items go through the model in batches that fit, so it is their finished audio, kept until all are written, that limits
how many there can be.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, InvalidRequest

if TYPE_CHECKING:
    from engine.requests.extent import Extent
    from engine.requests.settled import Settled

LIMIT_VARIABLE = "ACESTEP_MEMORY_LIMIT"
SAMPLE_BYTES = 4
COPIES = 2  # of each result: as kept, and while it is joined and written
UNLIMITED = 1 << 62


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
        raise EngineError(
            f"{LIMIT_VARIABLE}: got {given!r}, expected gigabytes, such as 6. Set such a number, or unset it."
        ) from error


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


def bytes_of_result(samples: int, channels: int) -> int:
    """What a result takes while it is joined and written; at least 1."""
    return max(1, samples * channels * SAMPLE_BYTES * COPIES)


def check_results_fit(settled: Settled, extent: Extent, free: int) -> None:
    """Raises InvalidRequest with numbers where all results of a request do not fit into `free` bytes."""
    items = settled.variations * settled.candidates
    each = bytes_of_result(extent.result_samples, extent.channels)
    if items * each <= free:
        return
    field = "variations" if settled.variations > 1 else "candidates" if settled.candidates > 1 else "duration"
    remedy = "Ask for fewer, for a shorter piece, or for output=clip." if items > 1 else "Close other programs."
    raise InvalidRequest(
        field,
        f"{items} result(s) of {each / 1e6:.0f} MB each, {items * each / 1e9:.2f} GB in all",
        f"at most {free // each} with {free / 1e9:.2f} GB of free memory",
        remedy,
    )

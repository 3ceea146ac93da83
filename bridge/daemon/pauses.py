"""What makes Python stand still for milliseconds, and keeps a loop from its work. Knows no job."""

from __future__ import annotations

import gc
import sys

_TURN_SECONDS = 0.0005  # a thread that has waited for the disk gets its turn after so long, not Python's 5 ms


def take_short_turns() -> None:
    """Have threads of this process hand over to each other soon."""
    sys.setswitchinterval(_TURN_SECONDS)


def keep_out_of_collections() -> None:
    """Look for cycles now, and never again among what is there: modules and classes, 14 ms each time."""
    gc.collect()
    gc.freeze()

"""The ladder of memory modes: the first that should fit is taken, and the next one where it did not.

    resident -> tiled -> offloaded -> int8 -> int8-offloaded -> OutOfMemory, with numbers

Knows sizes, modes and where networks lie; knows no task and no family.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from engine.errors import OutOfMemory
from engine.memory.placement import Placement, free_bytes, is_out_of_memory, own_bytes
from engine.memory.plan import MemoryMode, Sizes, Work, choose_mode, expected_peak_bytes, in_words, lower_mode

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Ladder:
    """The modes of one model on one device. `given` is the only one to begin with; None: the first that fits."""

    def __init__(self, placement: Placement, device: torch.device, given: MemoryMode | None) -> None:
        self._placement = placement
        self._device = device
        self.given = given
        self._sizes: Sizes
        self.modes: tuple[MemoryMode, ...] = ()

    def measure(self, sizes: Sizes, modes: tuple[MemoryMode, ...]) -> None:
        """Count with these sizes, and go down these modes, from now on."""
        self._sizes, self.modes = sizes, modes

    @property
    def only_int8(self) -> bool:
        """Whether the weights are rounded already."""
        return all(mode.int8 for mode in self.modes)

    def walk(self, work: Work, attempt: Callable[[MemoryMode], T], before_next: Callable[[], None]) -> T:
        """What `attempt` gives in the first mode that does not run out of memory; `before_next` frees what it can.

        Raises OutOfMemory with what was tried, and what `attempt` raises beside that.
        """
        mode: MemoryMode | None = self.given or choose_mode(self._sizes, work, self._room(), self.modes)
        tried: list[str] = []
        while mode is not None:
            try:
                return attempt(mode)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                expected = expected_peak_bytes(self._sizes, work, mode)
                tried.append(f"{mode.name} ({expected / 1e9:.1f} GB expected)")
            before_next()
            mode = self._lower(mode)
        raise self._nothing_fits(tried)

    def in_words(self, work: Work, mode: MemoryMode) -> str:
        """The mode and what it is expected to take, for logs."""
        return in_words(self._sizes, work, mode, self._room())

    def _lower(self, mode: MemoryMode) -> MemoryMode | None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        lower = lower_mode(mode, self.modes)
        if lower is not None:
            logger.warning("memory: %s ran out of memory, trying %s", mode.name, lower.name)
        return lower

    def _room(self) -> int:
        """Bytes that a job can have, its weights included."""
        weights = sum(self._sizes.of_weights(self.modes[0]).values())
        if self._sizes.shared:
            return free_bytes(self._device) + min(weights, own_bytes())
        return free_bytes(self._device) + (weights if self._placement.everything_here else 0)

    def _nothing_fits(self, tried: list[str]) -> OutOfMemory:
        return OutOfMemory(
            f"Out of memory on {self._device}: tried {', '.join(tried)}; {free_bytes(self._device) / 1e9:.1f} GB are "
            "free. Choose a shorter region or less context_seconds, or use a smaller model."
        )

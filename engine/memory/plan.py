"""Ways to run in little memory, which one fits, and what each is expected to take. Numbers only: knows no torch.

resident         everything stays on the device, many items in one batch (one on a processor), long decode tiles
tiled            fewer items at once, small decode tiles
offloaded        one item at once, and only the network that is at work is on the device
int8             as tiled, with the weights of the linear layers in 8 bits (torchao)
int8-offloaded   as offloaded, with weights in 8 bits

The first three give the same numbers to rounding. The 8-bit modes round the weights, so the music differs a little:
they come last when the mode is chosen, and a result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engine.errors import EngineError

SAFETY = 1.15
HELD_BYTES = 110_000_000  # beside any model's weights there: prepared operations, contexts, touched code
TORCHAO_BYTES = 80_000_000


@dataclass(frozen=True)
class MemoryMode:
    """A way to run: items in one batch, latent frames in one decode tile, where and how weights are held."""

    name: str
    items_at_once: int
    tile_frames: int
    offloads: bool = False
    int8: bool = False


MODES = (
    MemoryMode("resident", 8, 256),
    MemoryMode("tiled", 2, 64),
    MemoryMode("offloaded", 1, 32, offloads=True),
    MemoryMode("int8", 2, 64, int8=True),
    MemoryMode("int8-offloaded", 1, 32, offloads=True, int8=True),
)


class Sizes(Protocol):
    """What of a model takes memory: each network's weights, and what it needs beside them while it is at work."""

    @property
    def shared(self) -> bool:
        """Device and main memory are the same (a CPU, Apple's GPUs), so that nothing is won by offloading."""
        ...

    def of_weights(self, mode: MemoryMode) -> dict[str, int]:
        """Bytes of each network's weights in a mode, by its name."""
        ...

    def of_stages(self, work: Work, mode: MemoryMode) -> dict[str, float]:
        """Bytes that each network needs beside its weights while it is at work."""
        ...


@dataclass(frozen=True)
class Work:
    """What a job asks for: items, passes of guidance, latent frames made, frames encoded, tokens of tags and lyrics."""

    items: int
    passes: int
    frames: int
    encoded_frames: int = 0
    tokens: int = 0


def modes_on(device: str) -> tuple[MemoryMode, ...]:
    """The modes on a kind of device. A processor makes one item after the other: a batch would win a tenth at most, and
    alone an item has the same bits whatever was asked for beside it, and wherever its neighbours are made.
    """
    return tuple(replace(mode, items_at_once=1) for mode in MODES) if device == "cpu" else MODES


def mode_named(name: str, modes: Sequence[MemoryMode] = MODES) -> MemoryMode:
    """A mode by its name. Raises EngineError naming those there are."""
    for mode in modes:
        if mode.name == name:
            return mode
    raise EngineError(f"memory: got {name!r}, expected auto, {', '.join(m.name for m in MODES)}. Choose one of these.")


def lower_mode(mode: MemoryMode, modes: Sequence[MemoryMode] = MODES) -> MemoryMode | None:
    """The next of `modes`, which needs less, or None."""
    index = modes.index(mode) + 1
    return modes[index] if index < len(modes) else None


def expected_peak_bytes(sizes: Sizes, work: Work, mode: MemoryMode) -> int:
    """An estimate of the memory that a job takes at its worst, weights included: of the device, or of the process
    beyond what the interpreter and its libraries take (`Sizes.shared`).
    """
    weights = sizes.of_weights(mode)
    stages = sizes.of_stages(work, mode)
    if sizes.shared:
        held = HELD_BYTES + TORCHAO_BYTES * mode.int8
        return int(sum(weights.values()) + held + max(stages.values()))
    if mode.offloads:
        peak = max(weights[name] + stages[name] for name in weights)
    else:
        peak = sum(weights.values()) + max(stages.values())
    return int(peak * SAFETY)


def choose_mode(sizes: Sizes, work: Work, room: int | None, modes: Sequence[MemoryMode] = MODES) -> MemoryMode:
    """The first mode that fits into `room` bytes, weights included; the last if none does; the first if unknown."""
    if room is None:
        return modes[0]
    return next((mode for mode in modes if expected_peak_bytes(sizes, work, mode) <= room), modes[-1])


def in_words(sizes: Sizes, work: Work, mode: MemoryMode, room: int | None) -> str:
    """The choice and its expected peak, for logs and people."""
    free = "" if room is None else f", {room / 1e9:.1f} GB there for it"
    return f"{mode.name}, peak of {expected_peak_bytes(sizes, work, mode) / 1e9:.1f} GB expected{free}"

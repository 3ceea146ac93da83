"""How a model shares the device's memory: three modes, which one fits, and what is expected. Knows no task.

resident     everything stays on the device; long decodes run in tiles of 24 s
tiled        fewer items at once, small decode tiles
offloaded    one item at once, and only the network that is at work is on the device
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.checkpoints.networks import Networks

Move = Callable[[nn.Module, torch.device], None]
SAFETY = 1.15
ACTIVATION_COPIES = 6.0
DECODE_BYTES_PER_FRAME = 9_000_000


@dataclass(frozen=True)
class MemoryMode:
    """A way to run: items in one batch, latent frames in one decode tile, whether idle networks leave the device."""

    name: str
    items_at_once: int
    tile_frames: int
    offloads: bool = False


MODES = (
    MemoryMode("resident", 8, 256),
    MemoryMode("tiled", 2, 64),
    MemoryMode("offloaded", 1, 32, offloads=True),
)


@dataclass(frozen=True)
class Work:
    """What a job asks for: items, passes of guidance, latent frames."""

    items: int
    passes: int
    frames: int


def mode_named(name: str) -> MemoryMode:
    """A mode by its name. Raises EngineError naming those there are."""
    for mode in MODES:
        if mode.name == name:
            return mode
    raise EngineError(f"memory: got {name!r}, expected auto, {', '.join(m.name for m in MODES)}. Choose one of these.")


def lower_mode(mode: MemoryMode) -> MemoryMode | None:
    """The next mode that needs less, or None."""
    index = MODES.index(mode) + 1
    return MODES[index] if index < len(MODES) else None


def module_bytes(module: nn.Module) -> int:
    """Bytes of parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


def network_bytes(networks: Networks) -> dict[str, int]:
    """Bytes of each network."""
    return {name: module_bytes(module) for name, module in parts_of(networks).items()}


def parts_of(networks: Networks) -> dict[str, nn.Module]:
    """The networks that can leave the device, by name."""
    return {
        "transformer": networks.transformer,
        "autoencoder": networks.autoencoder,
        "text_encoder": networks.text_encoder,
    }


def expected_peak_bytes(networks: Networks, work: Work, mode: MemoryMode) -> int:
    """An estimate of the device memory that a job takes at its worst, weights included."""
    sizes = network_bytes(networks)
    config = networks.config
    items = min(work.items, mode.items_at_once)
    width = config.inner_dim * (1 + 2 * config.mlp_ratio)
    itemsize = torch.empty(0, dtype=networks.dtype).element_size()
    denoising = items * work.passes * work.frames * width * itemsize * ACTIVATION_COPIES
    decoding = min(work.frames, mode.tile_frames) * DECODE_BYTES_PER_FRAME
    if mode.offloads:
        peak = max(sizes["transformer"] + denoising, sizes["autoencoder"] + decoding, float(sizes["text_encoder"]))
    else:
        peak = sum(sizes.values()) + max(denoising, decoding)
    return int(peak * SAFETY)


def free_bytes(device: torch.device) -> int | None:
    """Free memory of the device, counting what this process has reserved and not used; None where unknown."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def choose_mode(networks: Networks, work: Work, free: int | None, weights_are_there: bool = True) -> MemoryMode:
    """The first mode that fits into `free` bytes (beside the weights that are already there); the last if none."""
    if free is None:
        return MODES[0]
    room = free + (sum(network_bytes(networks).values()) if weights_are_there else 0)
    for mode in MODES:
        if expected_peak_bytes(networks, work, mode) <= room:
            return mode
    return MODES[-1]


class Placement:
    """Where the networks are. `use` brings one to the device, and sends the others away in a mode that offloads."""

    def __init__(self, networks: Networks, move: Move | None = None) -> None:
        self._networks = networks
        self._move = move or _move
        self._everything_here = True
        self.mode = MODES[0]

    def set_mode(self, mode: MemoryMode) -> None:
        """Change the mode; takes effect with the next `use`."""
        self.mode = mode

    def use(self, name: str) -> None:
        """Make one network ready on the device."""
        if self._everything_here and not self.mode.offloads:
            return
        device, away = self._networks.device, torch.device("cpu")
        parts = parts_of(self._networks)
        for other in sorted(parts, key=lambda other: other == name):  # the one wanted last: others make room first
            stays = other == name or not self.mode.offloads
            self._move(parts[other], device if stays else away)
        self._everything_here = not self.mode.offloads


def _move(module: nn.Module, device: torch.device) -> None:
    module.to(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

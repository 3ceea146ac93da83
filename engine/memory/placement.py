"""A model's weights in memory: what they take, what is free, and which network is on the device. Knows no task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn

from engine.checkpoints.int8 import is_available, is_int8, tensor_bytes
from engine.memory.main_memory import UNLIMITED, free_main_memory, memory_limit
from engine.memory.plan import MODES, MemoryMode, modes_on

Move = Callable[[nn.Module, torch.device], None]


class Networks(Protocol):
    """The networks of a loaded model, whatever its family."""

    @property
    def device(self) -> torch.device:
        """Where they are at work."""
        ...

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Those that can leave the device, by name."""
        ...


def module_bytes(module: nn.Module) -> int:
    """Bytes of parameters and buffers."""
    return sum(tensor_bytes(t) for t in (*module.parameters(), *module.buffers()))


def modes_of(networks: Networks) -> tuple[MemoryMode, ...]:
    """The modes that this model can run in: 8 bits where torchao is there, and only those once weights are rounded."""
    modes = modes_on(networks.device.type)
    if any(is_int8(weight) for module in networks.modules.values() for weight in module.parameters()):
        return tuple(mode for mode in modes if mode.int8)
    return modes if is_available(networks.device) else tuple(mode for mode in modes if not mode.int8)


def free_bytes(device: torch.device) -> int:
    """Free memory of the device, counting what this process has reserved there and not used.

    `ACESTEP_MEMORY_LIMIT` (GB) keeps the rest for others: no more than that, less what is in use here, counts as free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        used = torch.cuda.memory_allocated(device)
        return min(free + torch.cuda.memory_reserved(device) - used, _left(used))
    free = min(free_main_memory(), _left(own_bytes()))
    if device.type == "mps":
        free = min(free, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return free


def own_bytes() -> int:
    """Main memory that only this process has. Weights that are mapped from their file are none of it (told on Linux and
    Windows): what is free counts them already, since the system takes their pages when others need them.
    """
    import psutil

    told = psutil.Process().memory_info()
    return int(getattr(told, "private", told.rss - getattr(told, "shared", 0)))


def _left(used: int) -> int:
    """What a limit leaves beside what is in use here."""
    limit = memory_limit()
    return limit if limit == UNLIMITED else max(0, limit - used)


class Placement:
    """Where the networks are. `use` brings one to the device, and sends the others away in a mode that offloads."""

    def __init__(self, networks: Networks, move: Move | None = None, all_here: bool = True) -> None:
        self._networks = networks
        self._move = move or _move
        self._everything_here = all_here
        self.mode = MODES[0]

    @property
    def everything_here(self) -> bool:
        """Whether all weights are on the device now."""
        return self._everything_here

    def set_mode(self, mode: MemoryMode) -> None:
        """Change the mode; takes effect with the next `use`."""
        self.mode = mode

    def use(self, name: str) -> None:
        """Make one network ready on the device."""
        if self._everything_here and not self.mode.offloads:
            return
        device, away = self._networks.device, torch.device("cpu")
        parts = self._networks.modules
        for other in sorted(parts, key=lambda other: other == name):  # the one wanted last: others make room first
            stays = other == name or not self.mode.offloads
            self._move(parts[other], device if stays else away)
        self._everything_here = not self.mode.offloads


def _move(module: nn.Module, device: torch.device) -> None:
    """As `Module.to`, which cannot exchange 8-bit tensors in inference mode. Tied weights stay tied."""
    moved: dict[int, nn.Parameter] = {}
    with torch.inference_mode(False), torch.no_grad():
        for part in module.modules():
            for name, weight in part._parameters.items():
                if weight is not None and weight.device != device:
                    if id(weight) not in moved:
                        moved[id(weight)] = nn.Parameter(weight.detach().to(device), requires_grad=False)
                    part._parameters[name] = moved[id(weight)]
            for name, buffer in part._buffers.items():
                if buffer is not None:
                    part._buffers[name] = buffer.to(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

"""Noise that depends on the seed alone: drawn on the CPU in float32, one generator for each batch item.

Knows seeds and shapes; knows no schedule and no task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

DrawNoise = Callable[[torch.Generator, int], Tensor]  # a family's: (1, C, H, T) float32 on the CPU


class NoiseSource(Protocol):
    """Whatever hands out noise, one draw after the other."""

    @property
    def items(self) -> int:
        """B, the items of a batch."""
        ...

    def draw(self, frames: int | None = None) -> Tensor:
        """The next noise, (B, C, H, T) float32 on the CPU; T is `frames`, or what the source was made for."""
        ...


class SeededNoise:
    """Draws of a batch: item k's come from its own generator, so that they never depend on the other items."""

    def __init__(self, seeds: Sequence[int], frames: int, draw_noise: DrawNoise) -> None:
        self._draw_noise = draw_noise
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._frames = frames

    @property
    def items(self) -> int:
        """B, the items of a batch."""
        return len(self._generators)

    def draw(self, frames: int | None = None) -> Tensor:
        """The next noise, (B, C, H, T) float32 on the CPU."""
        length = self._frames if frames is None else frames
        return torch.cat([self._draw_noise(generator, length) for generator in self._generators])


def mix_noise(noise: Tensor, retake_noise: Tensor, variance: float) -> Tensor:
    """Rotate from one noise to another: cos(v pi / 2) noise + sin(v pi / 2) retake_noise, unit variance kept."""
    angle = torch.tensor(variance * torch.pi / 2, dtype=torch.float64)
    return float(angle.cos()) * noise + float(angle.sin()) * retake_noise


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on the device, without waiting for it: CUDA copies from pinned memory in its own time."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)

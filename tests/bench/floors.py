"""The least that a computation must do: operations of its products and convolutions, bytes of the weights it reads.

Operations are counted while it runs (torch's FlopCounterMode), so that they are those of this engine's own work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.bench.machine import Ceilings


@dataclass(frozen=True)
class Floor:
    """Floating-point operations, and bytes that must be read."""

    operations: float
    bytes: float

    def seconds(self, ceilings: Ceilings) -> float:
        """The time that it takes at least: the larger of both."""
        return max(self.operations / ceilings.operations, self.bytes / ceilings.bytes)


def floor_of(work: Callable[[], object], *networks: nn.Module) -> Floor:
    """Count what `work` computes, once; each weight of `networks` is read once."""
    with FlopCounterMode(display=False, custom_mapping=_products()) as counter, torch.inference_mode():
        work()
    weights = sum(p.numel() * p.element_size() for network in networks for p in network.parameters())
    return Floor(float(counter.get_total_flops()), float(weights))


def _products() -> dict[Any, Any]:
    """The counter knows neither oneDNN's product nor Fourier transforms of real numbers (2.5 n log2 n each)."""
    packet = getattr(torch.ops.mkldnn, "_linear_pointwise", None)

    def operations(x: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
        return 2 * math.prod(x) * weight[0]

    def forward(x: Any, dim: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
        return _transforms(math.prod(x) // x[dim[-1]], x[dim[-1]])

    def inverse(x: Any, dim: Any, normalization: int, size: int, *_: Any, out_shape: Any = None, **__: Any) -> int:
        return _transforms(math.prod(x) // x[dim[-1]], size)

    known: dict[Any, Any] = {torch.ops.aten._fft_r2c: forward, torch.ops.aten._fft_c2r: inverse}
    return known if packet is None else known | {packet: operations}


def _transforms(count: int, size: int) -> int:
    return round(count * 2.5 * size * math.log2(size))

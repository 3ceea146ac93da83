"""Matrix products with weights: float32 on an x86 processor through oneDNN or torch's own, whichever is faster there.

torch's own float32 product is MKL's, which on AMD processors leaves AVX-512 alone: oneDNN's is up to twice as fast
there. Without AVX-512 it depends on the shape, and of few rows torch's is the faster one. `OWN` measures it and holds
the choice of this process; without one oneDNN makes all. Both accumulate in float32; results differ by rounding.
1x1 convolutions go through here too. Knows no network and no file.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.choice import Choice, Clock, Shape
from engine.networks.row_counts import COUNTS

SMALLEST_ROWS = 8
SMALLEST_SCALE = 1e-12
FEW_ROWS = 64
# Kinds of products, each with the rows, inputs and outputs by which it is measured.
KINDS = {
    "few": (16, 512, 512),
    "narrowing": (256, 2048, 512),
    "square": (256, 512, 512),
    "widening": (256, 512, 2048),
}
ROUNDS = 15
WORTH = 1.05  # so much faster must torch's own be: less is noise


class Linear(nn.Linear):
    """torch's Linear whose product is `linear`; with `integers`, `integer_linear` where its weight is in 8 bits."""

    integers = False

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) -> (..., out)."""
        if self.integers and hasattr(self.weight, "qdata"):
            return integer_linear(x, self.weight, self.bias)
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    if _takes_onednn(x, weight) and kind_of(x.numel() // x.shape[-1], *weight.shape) not in OWN.taken:
        return COUNTS.make(lambda rows: onednn(rows, weight, bias), x, weight.shape[0])
    return F.linear(x, weight, bias)


def onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product as oneDNN makes it."""
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], ""))


def kind_of(rows: int, outputs: int, inputs: int) -> str:
    """The name in `KINDS` of a product of so many rows with a weight (outputs, inputs)."""
    if rows < FEW_ROWS:
        return "few"
    return "square" if inputs == outputs else "narrowing" if inputs > outputs else "widening"


def _own_is_faster(shape: Shape, clock: Clock) -> bool:
    rows, inputs, outputs = shape
    x, weight = torch.ones(rows, inputs), torch.ones(outputs, inputs)
    ways: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (F.linear, onednn)
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for way, taken in zip(ways, times, strict=True):
            began = clock()
            way(x, weight)
            taken.append(clock() - began)
    return min(times[0]) * WORTH < min(times[1])


def integer_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., in), rounded row by row to 8 bits, times a weight held so: whole numbers, summed exactly."""
    held: Any = weight
    rows = x.flatten(0, -2).float()  # (n, in)
    scale = rows.abs().amax(dim=1, keepdim=True).clamp_min(SMALLEST_SCALE) / 127.0
    product = torch._int_mm((rows / scale).round_().to(torch.int8), held.qdata.t()).float()
    out = product.mul_(scale).mul_(held.scale.flatten().float())
    if bias is not None:
        out += bias.float()
    return out.to(x.dtype).unflatten(0, x.shape[:-1])


def multiply_integers(module: nn.Module) -> None:
    """Let a module's linear layers take `integer_linear` where their weights are in 8 bits."""
    for layer in module.modules():
        if isinstance(layer, Linear):
            layer.integers = True


def _takes_onednn(x: Tensor, weight: Tensor) -> bool:
    """Plain float32 on the CPU without gradients, and enough rows. 8-bit weights are of a class of their own."""
    if torch.compiler.is_compiling() or x.dtype is not torch.float32 or x.device.type != "cpu" or not has_onednn():
        return False
    if type(weight) not in (nn.Parameter, Tensor) or weight.dtype is not torch.float32:
        return False
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return False
    return weight.is_contiguous() and x.numel() >= SMALLEST_ROWS * x.shape[-1]


@cache
def has_onednn() -> bool:
    """Whether there is a choice: an x86 processor and a torch with oneDNN's product."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


OWN = Choice("products", KINDS, _own_is_faster, has_onednn, probe_number=2)  # what torch's own product makes

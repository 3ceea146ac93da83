"""Matrix products with weights. On an x86 processor float32 goes through oneDNN, elsewhere through `F.linear`.

torch's own float32 product is MKL's, which on AMD processors leaves AVX-512 alone: oneDNN's is twice as fast there
and as fast on others. Both accumulate in float32; results differ by rounding. Knows no network.
"""

from __future__ import annotations

import platform
from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST_ROWS = 8
SMALLEST_SCALE = 1e-12


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
    if _takes_onednn(x, weight):
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], ""))
    return F.linear(x, weight, bias)


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
    if torch.compiler.is_compiling() or x.dtype is not torch.float32 or x.device.type != "cpu" or not _has_onednn():
        return False
    if type(weight) not in (nn.Parameter, Tensor) or weight.dtype is not torch.float32:
        return False
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return False
    return weight.is_contiguous() and x.numel() >= SMALLEST_ROWS * x.shape[-1]


@cache
def _has_onednn() -> bool:
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")

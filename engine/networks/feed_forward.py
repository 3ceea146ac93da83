"""The transformer's gated convolutional feed-forward (GLUMBConv of SANA). Knows nothing but frames."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.products import linear


class _Conv(nn.Module):
    """A one-dimensional convolution's weights under the released name `conv`."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int = 1, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel_size, groups=groups, bias=bias)


class GatedConvFeedForward(nn.Module):
    """1x1 up, SiLU, depthwise over three frames, gate, 1x1 down. The 1x1 convolutions run as matrix products."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.inverted_conv = _Conv(dim, 2 * hidden)
        self.depth_conv = _Conv(2 * hidden, 2 * hidden, kernel_size=3, groups=2 * hidden)
        self.point_conv = _Conv(hidden, dim, bias=False)

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """x (B, T, D) -> (B, T, D). Padding, which `real` (1, T, 1) marks by 0, is as zero as what lies beyond."""
        up, depth = self.inverted_conv.conv, self.depth_conv.conv
        x = F.silu(linear(x, matrix(up.weight), up.bias))  # (B, T, 2 hidden)
        x = x if real is None else x * real.to(x.dtype)
        x = depthwise_three(x, depth.weight, cast(Tensor, depth.bias))
        x, gate = x.chunk(2, dim=-1)
        return linear(x * F.silu(gate), matrix(self.point_conv.conv.weight))


def matrix(weight: Tensor) -> Tensor:
    """A 1x1 convolution's weight (out, in, 1) as the matrix (out, in); 8-bit weights are stored as one."""
    return weight if weight.dim() == 2 else weight[:, :, 0]


def depthwise_three(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Depthwise convolution over time, zero-padded: x (B, T, C), weight (C, 1, 3), bias (C,) -> (B, T, C)."""
    if x.device.type == "cpu":  # one pass over memory instead of three
        columns = x.transpose(1, 2).unsqueeze(2)  # (B, C, 1, T), channels last in memory
        out = F.conv2d(columns, weight[:, :, None], bias, padding=(0, 1), groups=x.shape[-1])
        return out.squeeze(2).transpose(1, 2)
    past, now, future = weight[:, 0].T.contiguous().unbind(0)
    out = torch.addcmul(bias, x, now)
    out[:, 1:].addcmul_(x[:, :-1], past)
    out[:, :-1].addcmul_(x[:, 1:], future)
    return out

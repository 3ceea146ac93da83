"""Position angles of ACE-Step v1's attention. Knows no attention: it makes tables and applies them.

The release does not rotate: its cosine and sine tables are laid out for the half-split convention (theta_0 ...
theta_{d/2-1} twice) but applied to interleaved pairs, so the two channels of a pair get different angles. The weights
were trained with that, so it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Angles:
    """Cosine and sine for the even and odd channels of a head, each (positions, 1, head_dim / 2)."""

    even_cos: Tensor
    even_sin: Tensor
    odd_cos: Tensor
    odd_sin: Tensor


def rope_angles(positions: int, head_dim: int, theta: float, like: Tensor) -> Angles:
    """Tables for positions 0 ... positions-1, made in float32, in the dtype and on the device of `like`."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=like.device) / head_dim
    angles = torch.outer(torch.arange(positions, dtype=torch.float32, device=like.device), theta**-exponents)
    angles = torch.cat([angles, angles], dim=1)[:, None]  # (P, 1, head_dim)
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    return Angles(*(table.contiguous() for table in (cos[..., ::2], sin[..., ::2], cos[..., 1::2], sin[..., 1::2])))


def apply_rope(x: Tensor, angles: Angles) -> Tensor:
    """x (B, P, H, head_dim) -> the same shape with even channels first, then odd ones.

    The order of channels does not matter to a product of queries and keys that both went through here.
    """
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.cat(
        [even * angles.even_cos - odd * angles.even_sin, odd * angles.odd_cos + even * angles.odd_sin], dim=-1
    )

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
    """Cosine and sine for the even and odd channels of a head, each (positions, 1, head_dim / 2).

    `same` and `mirrored` say the same for a pair as one complex number z: z same + conj(z) mirrored. They are there for
    float32 on a processor, whose vectors take such numbers as they lie in memory, two to four times as fast.
    """

    even_cos: Tensor
    even_sin: Tensor
    odd_cos: Tensor
    odd_sin: Tensor
    same: Tensor | None = None
    mirrored: Tensor | None = None

    def at(self, positions: Tensor) -> Angles:
        """Those of some positions."""
        tables = (self.even_cos, self.even_sin, self.odd_cos, self.odd_sin, self.same, self.mirrored)
        return Angles(*(None if table is None else table[positions] for table in tables))  # type: ignore[arg-type]


def rope_angles(positions: int, head_dim: int, theta: float, like: Tensor) -> Angles:
    """Tables for positions 0 ... positions-1, made in float32, in the dtype and on the device of `like`."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=like.device) / head_dim
    angles = torch.outer(torch.arange(positions, dtype=torch.float32, device=like.device), theta**-exponents)
    angles = torch.cat([angles, angles], dim=1)[:, None]  # (P, 1, head_dim)
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    tables = (cos[..., ::2], sin[..., ::2], cos[..., 1::2], sin[..., 1::2])
    even_cos, even_sin, odd_cos, odd_sin = (table.contiguous() for table in tables)
    if like.device.type != "cpu" or like.dtype is not torch.float32:
        return Angles(even_cos, even_sin, odd_cos, odd_sin)
    same = torch.complex(even_cos + odd_cos, odd_sin + even_sin) / 2
    mirrored = torch.complex(even_cos - odd_cos, odd_sin - even_sin) / 2
    return Angles(even_cos, even_sin, odd_cos, odd_sin, same, mirrored)


def apply_rope(x: Tensor, angles: Angles) -> Tensor:
    """x (B, P, H, head_dim) -> the same shape."""
    if angles.same is not None and angles.mirrored is not None and not torch.compiler.is_compiling():
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
        return torch.view_as_real(torch.addcmul(pairs * angles.same, pairs.conj(), angles.mirrored)).flatten(-2)
    even, odd = x[..., ::2], x[..., 1::2]
    turned = even * angles.even_cos - odd * angles.even_sin, odd * angles.odd_cos + even * angles.odd_sin
    return torch.stack(turned, dim=-1).flatten(-2)

"""The block's attention: grouped heads, normed queries and keys, half-split rotation, full, banded or causal.

Knows no network. A banded layer never makes a mask of all positions by all: queries go in blocks of one window, which
see the three windows around them.

          |<- window ->|<- window ->|<- window ->|
    keys  . . . . . . . . . . . . . . . . . . . .
  queries              . . . . . . .                    |i - j| <= window inside
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15.config import BlocksConfig
from engine.networks.attention import KeysValues
from engine.networks.products import Linear


class Rotation(NamedTuple):
    """Cosine and sine by position, float32 (positions, 1, head_dim / 2)."""

    cos: Tensor
    sin: Tensor


def rotation_of(positions: int, head_dim: int, theta: float, device: torch.device) -> Rotation:
    """Tables for positions 0 ... positions-1 (Su et al., 2021), float32 whatever the weights are."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=device) / head_dim
    angles = torch.outer(torch.arange(positions, dtype=torch.float32, device=device), theta**-exponents)[:, None]
    return Rotation(angles.cos(), angles.sin())


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """x (B, P, H, head_dim): channel c turns with channel c + head_dim / 2."""
    first, second = x.float().chunk(2, dim=-1)
    cos, sin = rotation
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(x.dtype)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a weight, accumulated in float32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x (..., size) -> the same shape."""
        return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)


def band_of(length: int, window: int, device: torch.device) -> Tensor | None:
    """Which keys each block of queries sees, bool (blocks, 1, block, keys); None where every one sees every other."""
    if length <= window + 1:
        return None
    if length <= 3 * window:  # one block holds everything
        places = torch.arange(length, device=device)
        return ((places[:, None] - places).abs() <= window)[None, None]
    blocks = -(-length // window)
    query = torch.arange(window, device=device)[:, None]
    offset = torch.arange(3 * window, device=device) - window  # of a key, from the block's first query
    keys = offset + window * torch.arange(blocks, device=device)[:, None]  # (blocks, 3 window)
    inside = (keys >= 0) & (keys < length)
    return (((query - offset).abs() <= window) & inside[:, None])[:, None]


def band_of_real(length: int, real: int, window: int | None, device: torch.device) -> Tensor:
    """The band of a layer (window None: a full one) of which only the first `real` positions are real.

    One after them sees itself, too: what no real one sees must be finite.
    """
    band = None if window is None else band_of(length, window, device)
    if band is None:
        return torch.arange(length, device=device)[None, None, None] < real
    blocks, _, queries, keys = band.shape
    first = queries * torch.arange(blocks, device=device)[:, None, None, None]
    query = first + torch.arange(queries, device=device)[:, None]
    key = first + torch.arange(keys, device=device) - (keys - queries) // 2
    return band & ((key < real) | (key == query))


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool = False, mask: Tensor | None = None) -> Tensor:
    """q (B, H, P, d), k and v (B, Hkv, S, d) -> (B, H, P, d); query head h uses key head h Hkv / H."""
    if mask is not None and q.device.type == "cuda":  # there the kernels that take a mask know no grouped heads
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    if q.shape[1] == k.shape[1]:  # decided here: while it is compiled, heads are symbols
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=True)


def attend_in_band(q: Tensor, k: Tensor, v: Tensor, band: Tensor) -> Tensor:
    """As `attend`, each position seeing what a band of `band_of` lets it see."""
    (blocks, _, window, _), length = band.shape, q.shape[2]
    if blocks == 1:
        return attend(q, k, v, mask=band)
    q_blocks = F.pad(q, (0, 0, 0, blocks * window - length)).unflatten(2, (blocks, window))
    padding = (0, 0, window, (blocks + 1) * window - length)
    k_blocks, v_blocks = (F.pad(x, padding).unfold(2, 3 * window, window).transpose(-1, -2) for x in (k, v))
    flat = [x.transpose(1, 2).flatten(0, 1) for x in (q_blocks, k_blocks, v_blocks)]  # (B blocks, H, ., d)
    mask = band.repeat(q.shape[0], 1, 1, 1)
    out = attend(flat[0], flat[1], flat[2], mask=mask).unflatten(0, (q.shape[0], blocks))
    return out.transpose(1, 2).flatten(2, 3)[:, :, :length]


class Attention(nn.Module):
    """Projections, norms and the product, under the released names; `context_size` is what keys are made of."""

    def __init__(self, config: BlocksConfig, context_size: int | None = None) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        keys = config.num_key_value_heads * config.head_dim
        self.q_proj = Linear(config.hidden_size, config.attention_width, bias=False)
        self.k_proj = Linear(context_size or config.hidden_size, keys, bias=False)
        self.v_proj = Linear(context_size or config.hidden_size, keys, bias=False)
        self.o_proj = Linear(config.attention_width, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(self, x: Tensor, rotation: Rotation, band: Tensor | None = None, causal: bool = False) -> Tensor:
        """Self-attention: x (B, P, D) -> (B, P, D)."""
        q = rotate(self.queries(x), rotation).transpose(1, 2)
        k = rotate(self.k_norm(self._split(self.k_proj(x))), rotation).transpose(1, 2)
        v = self._split(self.v_proj(x)).transpose(1, 2)
        out = attend(q, k, v, causal) if band is None else attend_in_band(q, k, v, band)
        return self.join(out)

    def queries(self, x: Tensor) -> Tensor:
        """x (B, P, D) -> normed queries (B, P, H, head_dim), not rotated."""
        return self.q_norm(self._split(self.q_proj(x)))

    def prepare(self, context: Tensor) -> KeysValues:
        """Cross-attention's keys and values of a context (B, S, D), which has no positions: (B, Hkv, S, head_dim)."""
        keys = self.k_norm(self._split(self.k_proj(context))).transpose(1, 2)
        return KeysValues(keys.contiguous(), self._split(self.v_proj(context)).transpose(1, 2).contiguous())

    def constant(self, context: KeysValues) -> Tensor:
        """What every query gets of a context of one position: (B, 1, D)."""
        groups = self.q_proj.out_features // (self.head_dim * context.values.shape[1])
        return self.join(context.values.repeat_interleave(groups, dim=1))

    def join(self, heads: Tensor) -> Tensor:
        """(B, H, P, head_dim) -> (B, P, D)."""
        joined: Tensor = self.o_proj(heads.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.head_dim))

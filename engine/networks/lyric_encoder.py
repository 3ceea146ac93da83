"""The lyric encoder: a conformer without convolutions, relative positions (Dai et al., 2019). Knows no words, only ids'
embeddings."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.config import LyricEncoderConfig
from engine.networks.products import Linear


class LyricEncoder(nn.Module):
    """Embedded lyric tokens in, lyric states out, under the released parameter names."""

    def __init__(self, config: LyricEncoderConfig, erg_layers: tuple[int, ...] = ()) -> None:
        super().__init__()
        width = config.output_size
        self.erg_layers = erg_layers
        self.embed = _Embed(width)
        self.encoders = nn.ModuleList(_Block(config) for _ in range(config.num_blocks))
        self.after_norm = nn.LayerNorm(width, eps=1e-5)

    def forward(self, x: Tensor, mask: Tensor, query_scale: Tensor | None = None) -> Tensor:
        """x (B, L, W), mask (B, L) of 0 and 1, query_scale (B,) for the ERG layers -> (B, L, W)."""
        x = self.embed(x)
        positions = relative_positions(x.shape[1], x.shape[2], x)
        hidden_keys = (mask == 0)[:, None, None]  # (B, 1, 1, L)
        for index, block in enumerate(self.encoders):
            x = block(x, positions, hidden_keys, query_scale if index in self.erg_layers else None)
        return self.after_norm(x)


class _Embed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = math.sqrt(width)
        self.out = nn.Sequential(Linear(width, width), nn.LayerNorm(width, eps=1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x) * self.scale


class _Block(nn.Module):
    def __init__(self, config: LyricEncoderConfig) -> None:
        super().__init__()
        width = config.output_size
        self.self_attn = RelativeAttention(width, config.attention_heads)
        self.feed_forward = _FeedForward(width, config.linear_units)
        self.norm_mha = nn.LayerNorm(width, eps=1e-5)
        self.norm_ff = nn.LayerNorm(width, eps=1e-5)

    def forward(self, x: Tensor, positions: Tensor, hidden_keys: Tensor, query_scale: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.norm_mha(x), positions, hidden_keys, query_scale)
        return x + self.feed_forward(self.norm_ff(x))


class _FeedForward(nn.Module):
    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.w_1 = Linear(width, units)
        self.w_2 = Linear(units, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(F.silu(self.w_1(x)))


class RelativeAttention(nn.Module):
    """score(i, j) = ((q_i + u) . k_j + (q_i + v) . (W_pos PE(i - j))) / sqrt(d), in both directions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q = Linear(width, width)
        self.linear_k = Linear(width, width)
        self.linear_v = Linear(width, width)
        self.linear_out = Linear(width, width)
        self.linear_pos = Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, positions: Tensor, hidden_keys: Tensor, query_scale: Tensor | None = None) -> Tensor:
        """x (B, L, W), positions (2L-1, W), hidden_keys bool (B, 1, 1, L) -> (B, L, W)."""
        q = self.linear_q(x)
        if query_scale is not None:
            q = q * query_scale[:, None, None].to(q.dtype)
        q, k, v = (y.unflatten(-1, (self.heads, -1)) for y in (q, self.linear_k(x), self.linear_v(x)))
        places = self.linear_pos(positions).unflatten(-1, (self.heads, -1))  # (2L-1, H, d)
        content = torch.einsum("bihd,bjhd->bhij", q + self.pos_bias_u, k)
        distance = shift_relative(torch.einsum("bihd,rhd->bhir", q + self.pos_bias_v, places))
        scores = (content + distance) / math.sqrt(q.shape[-1])  # (B, H, L, L)
        weights = masked_softmax(scores, hidden_keys).to(v.dtype)
        return self.linear_out(torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2))


def masked_softmax(scores: Tensor, hidden: Tensor) -> Tensor:
    """Softmax over the last dimension in float32; where every key is hidden the weights are 0, not NaN."""
    scores = scores.float().masked_fill(hidden, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-1).masked_fill(hidden, 0.0)


def shift_relative(x: Tensor) -> Tensor:
    """x (B, H, L, 2L-1), column r holding distance L-1-r -> (B, H, L, L), column j of row i holding distance i-j."""
    batch, heads, length, columns = x.shape
    x = F.pad(x, (1, 0)).view(batch, heads, columns + 1, length)  # each row slides one further to the left
    return x[:, :, 1:].reshape(batch, heads, length, columns)[..., :length]


def relative_positions(length: int, width: int, like: Tensor) -> Tensor:
    """Sinusoids of distances length-1 ... -(length-1), sine on even channels: (2 length - 1, width)."""
    distances = torch.arange(length - 1, -length, -1, dtype=torch.float32, device=like.device)
    channels = torch.arange(0, width, 2, dtype=torch.float32, device=like.device)
    angles = distances[:, None] * torch.exp(channels * -(math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).to(like.dtype)

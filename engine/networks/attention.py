"""The transformer's two attentions: linear over the song's frames, softmax over the context. Know no masks of tasks."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.products import Linear
from engine.networks.rope import Angles, apply_rope


class KeysValues(NamedTuple):
    """Keys with RoPE applied and values of one block's cross-attention, each (B, H, S, head_dim)."""

    keys: Tensor
    values: Tensor


class _Attention(nn.Module):
    """The projections that both attentions have, under the released names."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = Linear(dim, dim)
        self.to_k = Linear(dim, dim)
        self.to_v = Linear(dim, dim)
        self.to_out = nn.ModuleList([Linear(dim, dim)])

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1))  # (B, T, H, d)

    def _queries(self, x: Tensor, query_scale: Tensor | None) -> Tensor:
        q = self.to_q(x)
        return self._split(q if query_scale is None else q * query_scale[:, None, None].to(q.dtype))


class LinearSelfAttention(_Attention):
    """ReLU linear attention, accumulated in float32 (Katharopoulos et al., 2020; as in SANA)."""

    def forward(
        self,
        x: Tensor,
        angles: Angles,
        frame_mask: Tensor | None = None,
        query_scale: Tensor | None = None,
        real: Tensor | None = None,
    ) -> Tensor:
        """x (B, T, D), frame_mask (B, T) of 0 and 1, query_scale (B,) -> (B, T, D).

        No frame attends to padding, which `real` (1, T, 1) marks by 0.
        """
        q = apply_rope(self._queries(x, query_scale), angles)
        k = apply_rope(self._split(self.to_k(x)), angles)
        v = self._split(self.to_v(x))
        if frame_mask is not None:
            mask = frame_mask[:, :, None, None].to(x.dtype)
            q, k, v = q * mask, k * mask, v * mask
        k = F.relu(k) if real is None else F.relu(k) * real[..., None].to(k.dtype)
        out = linear_attention(F.relu(q), k, v)
        return self.to_out[0](out.flatten(2).to(x.dtype))


def linear_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """q, k, v (B, T, H, d), q and k not negative -> (B, T, H, d) in float32."""
    q, k, v = (x.float().transpose(1, 2) for x in (q, k, v))  # (B, H, T, d)
    if q.device.type == "cpu" and not torch.compiler.is_compiling():
        # row by row, which copies nothing: a product takes one row's heads as they lie
        return torch.stack([_attended(*row) for row in zip(q, k, v, strict=True)]).transpose(1, 2)
    return _attended(q, k, v).transpose(1, 2)


def _attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """q, k, v (..., H, T, d) -> (..., H, T, d)."""
    state = k.transpose(-1, -2) @ v  # (..., H, d, d)
    total = k.sum(dim=-2, keepdim=True).transpose(-1, -2)  # (..., H, d, 1)
    return (q @ state) / (q @ total + 1e-15)


class CrossAttention(_Attention):
    """Softmax attention from frames to the context. Keys and values of a fixed context are made once by `prepare`."""

    def prepare(self, context: Tensor, angles: Angles) -> KeysValues:
        """context (B, S, D) -> keys and values."""
        keys = apply_rope(self._split(self.to_k(context)), angles).transpose(1, 2)
        return KeysValues(keys.contiguous(), self._split(self.to_v(context)).transpose(1, 2).contiguous())

    def forward(
        self,
        x: Tensor,
        angles: Angles,
        context: KeysValues,
        context_mask: Tensor | None = None,
        frame_mask: Tensor | None = None,
        query_scale: Tensor | None = None,
    ) -> Tensor:
        """x (B, T, D), context_mask bool (B, 1, 1, S), frame_mask (B, T) -> (B, T, D).

        A hidden frame attends nothing, so it gets the output projection's bias.
        """
        q = apply_rope(self._queries(x, query_scale), angles).transpose(1, 2)  # (B, H, T, d)
        out = F.scaled_dot_product_attention(q, context.keys, context.values, attn_mask=context_mask)
        out = out.transpose(1, 2).flatten(2)
        if frame_mask is not None:
            out = out * frame_mask[:, :, None].to(out.dtype)
        return self.to_out[0](out)


def any_masked(mask: Tensor) -> bool:
    """Whether a mask of 0 and 1 holds a 0. Waits for the device; call it once per job, not once per step."""
    return not bool(torch.all(mask != 0))

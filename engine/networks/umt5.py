"""UMT5's encoder (Chung et al., 2023) under the released parameter names. Knows token ids, no words and no files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.networks.products import Linear


@dataclass(frozen=True, slots=True)
class Umt5Config:
    """What of `umt5-base/config.json` the encoder needs; the decoder's and transformers' own keys are passed over."""

    vocab_size: int
    d_model: int
    d_kv: int
    d_ff: int
    num_layers: int
    num_heads: int
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read a parsed config.json. Raises CheckpointError for another architecture or a missing key."""
        activation = raw.get("feed_forward_proj", "gated-gelu")
        if raw.get("model_type", "umt5") != "umt5" or activation != "gated-gelu":
            raise CheckpointError(
                f"umt5-base/config.json: got model_type {raw.get('model_type')!r} with feed_forward_proj "
                f"{activation!r}, expected 'umt5' with 'gated-gelu'. Use an ACE-Step v1 checkpoint."
            )
        names = cls.__dataclass_fields__
        missing = [n for n in ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads") if n not in raw]
        if missing:
            raise CheckpointError(f"umt5-base/config.json: missing keys {missing}. Use an ACE-Step v1 checkpoint.")
        return cls(**{name: raw[name] for name in names if name in raw})


class Umt5Encoder(nn.Module):
    """Token ids to the last hidden state. `weakened` layers multiply their queries by `query_scale`."""

    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = _Stack(config)
        self.encoder.embed_tokens.weight = self.shared.weight

    def forward(self, ids: Tensor, mask: Tensor, query_scale: float = 1.0, weakened: tuple[int, ...] = ()) -> Tensor:
        """ids (B, S), mask (B, S) of 0 and 1 -> (B, S, d_model)."""
        stack = self.encoder
        x = self.shared(ids)
        hidden_keys = torch.zeros(mask.shape, dtype=x.dtype, device=x.device)
        hidden_keys = hidden_keys.masked_fill(mask == 0, torch.finfo(x.dtype).min)[:, None, None]
        buckets = relative_buckets(ids.shape[1], self.config, x.device)
        for index, block in enumerate(stack.block):
            x = block(x, buckets, hidden_keys, query_scale if index in weakened else 1.0)
        return cast(Tensor, stack.final_layer_norm(x))


class _Stack(nn.Module):
    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.block = nn.ModuleList(_Block(config) for _ in range(config.num_layers))
        self.final_layer_norm = _Norm(config)


class _Block(nn.Module):
    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList([_AttentionLayer(config), _FeedForwardLayer(config)])

    def forward(self, x: Tensor, buckets: Tensor, hidden_keys: Tensor, query_scale: float) -> Tensor:
        attention, feed_forward = self.layer
        return cast(Tensor, feed_forward(attention(x, buckets, hidden_keys, query_scale)))


class _AttentionLayer(nn.Module):
    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.SelfAttention = _Attention(config)
        self.layer_norm = _Norm(config)

    def forward(self, x: Tensor, buckets: Tensor, hidden_keys: Tensor, query_scale: float) -> Tensor:
        return x + self.SelfAttention(self.layer_norm(x), buckets, hidden_keys, query_scale)


class _Attention(nn.Module):
    """Softmax attention without scaling; each layer has its own bias by relative position."""

    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        inner = config.num_heads * config.d_kv
        self.heads = config.num_heads
        self.q = Linear(config.d_model, inner, bias=False)
        self.k = Linear(config.d_model, inner, bias=False)
        self.v = Linear(config.d_model, inner, bias=False)
        self.o = Linear(inner, config.d_model, bias=False)
        self.relative_attention_bias = nn.Embedding(config.relative_attention_num_buckets, config.num_heads)

    def forward(self, x: Tensor, buckets: Tensor, hidden_keys: Tensor, query_scale: float) -> Tensor:
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in (self.q(x), self.k(x), self.v(x)))
        bias = self.relative_attention_bias(buckets).permute(2, 0, 1)[None] + hidden_keys  # (B, H, S, S)
        q = q if query_scale == 1.0 else q * query_scale
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
        return cast(Tensor, self.o(out.transpose(1, 2).flatten(2)))


class _FeedForwardLayer(nn.Module):
    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.DenseReluDense = _GatedFeedForward(config)
        self.layer_norm = _Norm(config)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.DenseReluDense(self.layer_norm(x))


class _GatedFeedForward(nn.Module):
    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.wi_0 = Linear(config.d_model, config.d_ff, bias=False)
        self.wi_1 = Linear(config.d_model, config.d_ff, bias=False)
        self.wo = Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x)))


class _Norm(nn.Module):
    """Root-mean-square norm with weight."""

    def __init__(self, config: Umt5Config) -> None:
        super().__init__()
        self.eps = config.layer_norm_epsilon
        self.weight = nn.Parameter(torch.ones(config.d_model))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps)


def relative_buckets(length: int, config: Umt5Config, device: torch.device) -> Tensor:
    """Bucket of each pair of positions (query, key): near ones exact, far ones in logarithmic steps (S, S).

    Half of the buckets are for keys behind the query, half for those after it (T5, arXiv 1910.10683, section 2.1).
    """
    half = config.relative_attention_num_buckets // 2
    exact = half // 2
    places = torch.arange(length, device=device)
    offset = places[None] - places[:, None]
    far = offset.abs().clamp(min=1).float()
    steps = torch.log(far / exact) / math.log(config.relative_attention_max_distance / exact) * (half - exact)
    bucket = torch.where(offset.abs() < exact, offset.abs(), (exact + steps.long()).clamp(max=half - 1))
    return bucket + half * (offset > 0)

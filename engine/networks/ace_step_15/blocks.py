"""The block that five of the networks share (Qwen3's, arXiv 2505.09388), and a stack of it. Knows no network."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15.attention import Attention, RMSNorm, Rotation, band_of, rotation_of
from engine.networks.ace_step_15.config import BlocksConfig
from engine.networks.products import Linear

KEPT_TABLES = 8


class GatedFeedForward(nn.Module):
    """down(SiLU(gate x) up x), no bias (Shazeer, 2020)."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = Linear(size, inner, bias=False)
        self.up_proj = Linear(size, inner, bias=False)
        self.down_proj = Linear(inner, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, P, D) -> (B, P, D)."""
        return cast(Tensor, self.down_proj(F.silu(self.gate_proj(x)).mul_(self.up_proj(x))))


class Block(nn.Module):
    """Norm, attention, add; norm, feed-forward, add."""

    def __init__(self, config: BlocksConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = GatedFeedForward(config.hidden_size, config.intermediate_size)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.causal = config.causal

    def forward(self, x: Tensor, rotation: Rotation, band: Tensor | None) -> Tensor:
        """x (B, P, D) -> (B, P, D)."""
        x = x + self.self_attn(self.input_layernorm(x), rotation, band, self.causal)
        return x + self.mlp(self.post_attention_layernorm(x))


class Places(NamedTuple):
    """What positions say to a stack of blocks: the rotation, and every layer's band, None where a layer is full."""

    rotation: Rotation
    bands: tuple[Tensor | None, ...]


class Tables:
    """Rotations and bands by length, made once for each. Float32 and bool whatever the weights are."""

    def __init__(self, config: BlocksConfig) -> None:
        self._config = config
        self._kept: dict[tuple[int, torch.device], tuple[Rotation, dict[int, Tensor | None]]] = {}

    def of(self, length: int, device: torch.device) -> Places:
        """Those of `length` positions."""
        key = (length, device)
        if key not in self._kept:
            if len(self._kept) >= KEPT_TABLES:
                self._kept.pop(next(iter(self._kept)))
            rotation = rotation_of(length, self._config.head_dim, self._config.rope_theta, device)
            windows = {window for window in self._config.windows if window is not None}
            self._kept[key] = (rotation, {window: band_of(length, window, device) for window in windows})
        rotation, bands = self._kept[key]
        return Places(rotation, tuple(None if window is None else bands[window] for window in self._config.windows))


class Blocks(nn.Module):
    """Blocks and a norm over their last output. Subclasses make the input."""

    def __init__(self, config: BlocksConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Block(config) for _ in config.windows)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self._tables = Tables(config)

    def run(self, x: Tensor) -> Tensor:
        """x (B, P, D) -> normed (B, P, D); every position is real, so no mask is there."""
        rotation, bands = self._tables.of(x.shape[1], x.device)
        for layer, band in zip(self.layers, bands, strict=True):
            x = layer(x, rotation, band)
        return cast(Tensor, self.norm(x))

"""Latent frames to audio codes, five frames a code, and codes to frames. Knows no audio and no text.

The quantizer is finite scalar quantization (arXiv 2309.15505): each of six channels to its levels, in float32.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15.blocks import Blocks
from engine.networks.ace_step_15.config import AudioTokensConfig
from engine.networks.products import Linear


class FiniteScalarQuantizer(nn.Module):
    """States to code numbers and to their values, between two projections."""

    def __init__(self, size: int, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        self.project_in = Linear(size, len(levels))
        self.project_out = Linear(len(levels), size)

    @property
    def codes(self) -> int:
        """How many codes there are."""
        return math.prod(self.levels)

    def indices(self, x: Tensor) -> Tensor:
        """x (..., D) -> code numbers (...)."""
        y = self._exact(self.project_in, x)
        steps = torch.tensor(self.levels, dtype=torch.float32, device=x.device) - 1
        bound = 1 + 1 / steps
        y = (bound * torch.tanh(y / bound)).clamp(-1, 1)
        chosen = (steps * (y + 1) / 2 + 0.5).floor().long()
        return (chosen * self._basis(x.device)).sum(dim=-1)

    def values(self, indices: Tensor) -> Tensor:
        """Code numbers (...) -> what each channel stands for, -1 ... 1, float32 (..., channels)."""
        levels = torch.tensor(self.levels, device=indices.device)
        chosen = indices[..., None] // self._basis(indices.device) % levels
        return 2 * chosen.float() / (levels - 1).float() - 1

    def decode(self, indices: Tensor) -> Tensor:
        """Code numbers (...) -> float32 (..., D)."""
        return self._exact(self.project_out, self.values(indices))

    def _basis(self, device: torch.device) -> Tensor:
        products = [math.prod(self.levels[:n]) for n in range(len(self.levels))]
        return torch.tensor(products, device=device)

    @staticmethod
    def _exact(layer: Linear, x: Tensor) -> Tensor:
        return F.linear(x.float(), layer.weight.float(), layer.bias.float())


class _Pooler(Blocks):
    """Each group of frames to one state: a token put before it gathers them."""

    def __init__(self, config: AudioTokensConfig) -> None:
        super().__init__(config.blocks)
        size = config.blocks.hidden_size
        self.embed_tokens = Linear(size, size)
        self.special_token = nn.Parameter(torch.zeros(1, 1, size))

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, pool, D) -> (N, D)."""
        x = self.embed_tokens(frames)
        first = self.special_token.to(x.dtype).expand(x.shape[0], -1, -1)
        return self.run(torch.cat([first, x], dim=1))[:, 0]


class AudioTokenizer(nn.Module):
    """Frames to code numbers."""

    def __init__(self, config: AudioTokensConfig) -> None:
        super().__init__()
        self.pool = config.pool
        size = config.blocks.hidden_size
        self.audio_acoustic_proj = Linear(config.latent_channels, size)
        self.attention_pooler = _Pooler(config)
        self.quantizer = FiniteScalarQuantizer(size, config.levels)

    def forward(self, frames: Tensor, silence: Tensor) -> Tensor:
        """frames (B, T, C) -> codes (B, ceil(T / 5)). The first frames of silence (1, F, C) fill the last group."""
        return self.quantizer.indices(self.pooled(frames, silence))

    def pooled(self, frames: Tensor, silence: Tensor) -> Tensor:
        """frames (B, T, C) -> states before the quantizer (B, ceil(T / 5), D)."""
        missing = -frames.shape[1] % self.pool
        filled = torch.cat([frames, silence[:, :missing].to(frames).expand(frames.shape[0], -1, -1)], dim=1)
        x = self.audio_acoustic_proj(filled.to(self.audio_acoustic_proj.weight.dtype))
        groups = x.unflatten(1, (-1, self.pool))  # (B, N, 5, D)
        return cast(Tensor, self.attention_pooler(groups.flatten(0, 1)).unflatten(0, groups.shape[:2]))


class AudioDetokenizer(Blocks):
    """Quantized states to frames, five a state."""

    def __init__(self, config: AudioTokensConfig) -> None:
        super().__init__(config.blocks)
        size = config.blocks.hidden_size
        self.embed_tokens = Linear(size, size)
        self.special_tokens = nn.Parameter(torch.zeros(1, config.pool, size))
        self.proj_out = Linear(size, config.latent_channels)

    def forward(self, states: Tensor) -> Tensor:
        """states (B, N, D) -> frames (B, 5 N, C)."""
        x = self.embed_tokens(states.to(self.embed_tokens.weight.dtype))
        x = x.flatten(0, 1)[:, None] + self.special_tokens.to(x.dtype)  # (B N, 5, D)
        frames = self.proj_out(self.run(x))
        return cast(Tensor, frames.unflatten(0, states.shape[:2]).flatten(1, 2))


class AudioTokens(nn.Module):
    """Both ways, as tasks use them: latents through their codes, and codes to latents. Latents are (B, C, 1, T)."""

    def __init__(self, tokenizer: AudioTokenizer, detokenizer: AudioDetokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.detokenizer = detokenizer

    def through(self, latents: Tensor, silence: Tensor) -> Tensor:
        """What is left of latents after their codes, as long as they are."""
        frames = latents[:, :, 0].transpose(1, 2)
        codes = self.tokenizer(frames, silence[:, :, 0].transpose(1, 2))
        return self.of_codes(codes)[..., : latents.shape[-1]]

    def of_codes(self, codes: Tensor) -> Tensor:
        """Code numbers (B, N), clamped to those that there are -> float32 (B, C, 1, 5 N)."""
        quantizer = self.tokenizer.quantizer
        frames = self.detokenizer(quantizer.decode(codes.clamp(0, quantizer.codes - 1)))
        return cast(Tensor, frames.float().transpose(1, 2)[:, :, None])

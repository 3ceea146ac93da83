"""What the frames attend to: lyrics, timbre of a clip, text; and the null context. Knows no words and no task."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.networks.ace_step_15.blocks import Blocks
from engine.networks.ace_step_15.config import BlocksConfig, ConditionConfig
from engine.networks.products import Linear


class LyricEncoder(Blocks):
    """Embeddings of lyrics (1, L, Dt) -> (1, L, D). Rows of a batch are given one by one, without padding."""

    def __init__(self, config: BlocksConfig, text_size: int) -> None:
        super().__init__(config)
        self.embed_tokens = Linear(text_size, config.hidden_size)

    def forward(self, embeddings: Tensor) -> Tensor:
        """embeddings (B, L, Dt), every position real -> (B, L, D)."""
        return self.run(self.embed_tokens(embeddings))


class TimbreEncoder(Blocks):
    """Clips (N, F, C) -> one token a clip (N, D): the first frame's output. `special_token` is in files, and dead."""

    def __init__(self, config: BlocksConfig, latent_channels: int) -> None:
        super().__init__(config)
        self.embed_tokens = Linear(latent_channels, config.hidden_size)
        self.special_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))

    def forward(self, clips: Tensor) -> Tensor:
        """clips (N, F, C) -> (N, D)."""
        return self.run(self.embed_tokens(clips))[:, 0]


class ConditionEncoder(nn.Module):
    """One item's context: lyrics, a token for each clip, text. Cross-attention has no positions: order is nothing."""

    def __init__(self, config: ConditionConfig) -> None:
        super().__init__()
        self.config = config
        self.text_projector = Linear(config.text_size, config.lyric.hidden_size, bias=False)
        self.lyric_encoder = LyricEncoder(config.lyric, config.text_size)
        self.timbre_encoder = TimbreEncoder(config.timbre, config.latent_channels)
        self.null_condition_emb = nn.Parameter(torch.zeros(1, 1, config.lyric.hidden_size))

    def forward(self, lyrics: Tensor, clips: Tensor, text: Tensor) -> Tensor:
        """lyrics (1, L, Dt), clips (N, F, C), text (1, S, Dt) -> (1, L + N + S, D), without padding."""
        dtype = self.text_projector.weight.dtype
        sung = self.lyric_encoder(lyrics.to(dtype))
        timbre = self.timbre_encoder(clips.to(dtype))[None]
        return torch.cat([sung, timbre, self.text_projector(text.to(dtype))], dim=1)

    def null(self) -> Tensor:
        """The context of the unconditional pass, one position (1, 1, D): more of the same would change nothing."""
        return self.null_condition_emb.detach()

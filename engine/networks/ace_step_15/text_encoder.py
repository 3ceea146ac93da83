"""Texts to states by Qwen3 (arXiv 2505.09388), and lyrics to embeddings by its table. Knows no words and no folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15.blocks import Blocks
from engine.networks.ace_step_15.config import TextEncoderConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TEXT_TOKENS = 256
MAX_LYRIC_TOKENS = 2048


class Qwen3(Blocks):
    """Token ids to last hidden states; causal, so padding on the right would change nothing."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__(config.blocks)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.blocks.hidden_size)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, S) -> (B, S, Dt)."""
        return self.run(self.embed(ids))

    def embed(self, ids: Tensor) -> Tensor:
        """ids (B, S) -> the table's rows (B, S, Dt)."""
        return F.embedding(ids, self.embed_tokens.weight)


class TextEncoder(nn.Module):
    """`encode` gives the states of a prompt, `embed` the embeddings of lyrics."""

    def __init__(self, model: Qwen3, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()

    def token_ids(self, text: str, limit: int = MAX_TEXT_TOKENS) -> list[int]:
        """Ids with what the tokenizer appends, at most `limit`: the end of a longer text is cut, its end token kept."""
        self.tokenizer.enable_truncation(limit)
        ids: list[int] = self.tokenizer.encode(text).ids
        self.tokenizer.no_truncation()
        return ids

    def count(self, text: str) -> int:
        """Tokens of a text as `token_ids` counts them, not cut."""
        return len(self.tokenizer.encode(text).ids)

    def encode(self, text: str) -> Tensor:
        """text -> (1, S, Dt), S at most 256."""
        return cast(Tensor, self.model(self._ids(text, MAX_TEXT_TOKENS)))

    def embed(self, text: str) -> Tensor:
        """text -> (1, L, Dt), L at most 2048."""
        return self.model.embed(self._ids(text, MAX_LYRIC_TOKENS))

    def _ids(self, text: str, limit: int) -> Tensor:
        return torch.tensor([self.token_ids(text, limit)], device=self.model.norm.weight.device)

"""Tags to text states by UMT5 (Chung et al., 2023). Knows no checkpoint folders: it gets a config and a tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from engine.constants import MAX_TEXT_TOKENS
from engine.networks.umt5 import Umt5Config, Umt5Encoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class TextEncoder(nn.Module):
    """`encode` gives the last hidden state of one prompt. `erg_layers` are those that `query_scale` weakens."""

    def __init__(self, model: Umt5Encoder, tokenizer: Tokenizer, erg_layers: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.erg_layers = tuple(n for n in erg_layers if n < model.config.num_layers)
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TEXT_TOKENS)

    def token_ids(self, text: str) -> list[int]:
        """Ids with the end token, at most 256."""
        return self.tokenizer.encode(text).ids

    def count(self, text: str) -> int:
        """Tokens of a whole text with the end token, of which it reads 256."""
        found = self.tokenizer.encode(text)
        return len(found.ids) + sum(len(rest.ids) - 1 for rest in found.overflowing)

    def encode(self, text: str, query_scale: float = 1.0) -> tuple[Tensor, Tensor]:
        """text -> (hidden (1, S, Dt), mask (1, S) of ones)."""
        device = next(self.model.parameters()).device
        ids = torch.tensor([self.token_ids(text)], device=device)
        mask = torch.ones_like(ids)
        return self.encode_ids(ids, mask, query_scale), mask

    def encode_ids(self, ids: Tensor, mask: Tensor, query_scale: float = 1.0) -> Tensor:
        """ids, mask (B, S) -> hidden (B, S, Dt)."""
        return cast(Tensor, self.model(ids, mask, query_scale, self.erg_layers))


def build_umt5(config: Mapping[str, Any]) -> Umt5Encoder:
    """The encoder of a parsed `umt5-base/config.json`."""
    return Umt5Encoder(Umt5Config.from_dict(config))

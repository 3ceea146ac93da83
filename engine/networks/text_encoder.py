"""Tags to text states by UMT5 (Chung et al., 2023). Knows no checkpoint folders: it gets a config and a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from engine.constants import MAX_TEXT_TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import UMT5EncoderModel


class TextEncoder(nn.Module):
    """`encode` gives the last hidden state of one prompt. `erg_layers` are those that `query_scale` weakens."""

    def __init__(self, model: UMT5EncoderModel, tokenizer: Tokenizer, erg_layers: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.model: Any = model
        self.tokenizer = tokenizer
        self.erg_layers = tuple(n for n in erg_layers if n < model.config.num_layers)
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TEXT_TOKENS)

    def token_ids(self, text: str) -> list[int]:
        """Ids with the end token, at most 256."""
        return self.tokenizer.encode(text).ids

    def encode(self, text: str, query_scale: float = 1.0) -> tuple[Tensor, Tensor]:
        """text -> (hidden (1, S, Dt), mask (1, S) of ones)."""
        device = next(self.model.parameters()).device
        ids = torch.tensor([self.token_ids(text)], device=device)
        mask = torch.ones_like(ids)
        return self.encode_ids(ids, mask, query_scale), mask

    def encode_ids(self, ids: Tensor, mask: Tensor, query_scale: float = 1.0) -> Tensor:
        """ids, mask (B, S) -> hidden (B, S, Dt)."""
        with self._scaled_queries(query_scale):
            return self.model(input_ids=ids, attention_mask=mask).last_hidden_state

    @contextmanager
    def _scaled_queries(self, scale: float) -> Iterator[None]:
        layers = self.erg_layers if scale != 1.0 else ()
        projections = [self.model.encoder.block[n].layer[0].SelfAttention.q for n in layers]
        hooks = [p.register_forward_hook(lambda _module, _inputs, output: output * scale) for p in projections]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def build_umt5(config: Mapping[str, Any]) -> UMT5EncoderModel:
    """The encoder of a parsed `umt5-base/config.json`; imports transformers, which takes seconds."""
    from transformers import UMT5Config, UMT5EncoderModel

    return UMT5EncoderModel(UMT5Config.from_dict(dict(config)))

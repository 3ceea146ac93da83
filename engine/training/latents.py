"""Latent shards to batches for the transformer: crops at random frames with their tags and beat grid.

Knows the text's token ids, no network. Crops start at any frame, so every bar phase occurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.tasks.beat_grid import beat_grid_ids
from engine.training.dataset import CLIP_FRAMES, ClipFacts, read_facts, read_rows, shard_names
from engine.training.tags import tags_for
from engine.training.vocabulary import TEXT_LENGTH

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# (frames, clips in a batch, share of the batches): about 1,400 frames a batch, 4 to 28 s long
BUCKETS = (
    (86, 16, 0.4),
    (64, 22, 0.18),
    (43, 32, 0.05),
    (128, 11, 0.17),
    (172, 8, 0.1),
    (256, 5, 0.07),
    (304, 5, 0.03),
)


@dataclass(frozen=True)
class Batch:
    """latents (B, 8, 16, T), text ids and mask (B, S), grid (B, T), told (B, 1, 1): 0 where nothing is told."""

    latents: Tensor
    text_ids: Tensor
    text_mask: Tensor
    grid: Tensor
    told: Tensor


class LatentCrops:
    """Random crops of the shards in a folder; `refresh` picks up new shards."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, seed: int, buckets: tuple = BUCKETS) -> None:
        self.folder, self.tokenizer, self.buckets = folder, tokenizer, buckets
        self.rng = np.random.default_rng([seed, 4])
        self.clips: list[tuple[np.ndarray, ClipFacts, list[int]]] = []
        self._seen: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """Read the shards that have appeared since."""
        for shard in shard_names(self.folder):
            if shard not in self._seen:
                self._seen.add(shard)
                rows = np.array(read_rows(shard))
                facts = read_facts(shard)
                grids = [beat_grid_ids(clip.tempo_map, 0.0, rows.shape[-1]) for clip in facts]
                self.clips += list(zip(rows, facts, grids, strict=True))

    def batch(self) -> Batch:
        """One batch of equal lengths."""
        shares = np.array([bucket[2] for bucket in self.buckets])
        frames, size, _ = self.buckets[self.rng.choice(len(self.buckets), p=shares / shares.sum())]
        frames = min(frames, CLIP_FRAMES)
        picked = [self._crop(frames) for _ in range(size)]
        latents, texts, grids, told = zip(*picked, strict=True)
        ids, mask = pad_texts(list(texts))
        return Batch(
            torch.from_numpy(np.stack(latents)).float(),
            ids,
            mask,
            torch.tensor(grids),
            torch.tensor(told, dtype=torch.float32)[:, None, None],
        )

    def _crop(self, frames: int) -> tuple[np.ndarray, list[int], list[int], float]:
        rows, facts, grid = self.clips[self.rng.integers(len(self.clips))]
        first = int(self.rng.integers(rows.shape[-1] - frames + 1))
        text = self.tokenizer.encode(tags_for(facts, first, first + frames, self.rng)).ids
        drawn = self.rng.random()
        ids = [0] * frames if drawn < 0.15 else grid[first : first + frames]
        return rows[..., first : first + frames], text, ids, float(drawn >= 0.1)


def pad_texts(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token ids and mask (B, TEXT_LENGTH); longer texts are cut, the end token kept."""
    ids = torch.zeros(len(texts), TEXT_LENGTH, dtype=torch.long)
    mask = torch.zeros(len(texts), TEXT_LENGTH, dtype=torch.long)
    for row, text in enumerate(texts):
        kept = text if len(text) <= TEXT_LENGTH else [*text[: TEXT_LENGTH - 1], text[-1]]
        ids[row, : len(kept)] = torch.tensor(kept)
        mask[row, : len(kept)] = 1
    return ids, mask

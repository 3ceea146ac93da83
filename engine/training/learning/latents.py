"""Latent shards to batches for the transformer: crops at random frames with tags, beats, chords and known parts.

Knows the text's token ids, no network. Crops start at any frame, so every bar phase occurs. In a share of the crops a
region is to be made and what lies around it is known, as in inpaint and outpaint; tags are then those of the region.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.grid.beat_grid import beat_grid_ids
from engine.grid.harmony import grid_ids
from engine.training.learning.dataset import read_facts, read_rows, shard_names
from engine.training.music.clips import CLIP_FRAMES, ClipFacts, chords_of
from engine.training.music.tags import tags_for
from engine.training.music.vocabulary import TEXT_LENGTH, UNKNOWN

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
    """latents (B, 8, 16, T), text ids and mask (B, S), grid (B, T), told (B, 1, 1): 0 where no tags are told.

    `made` (B, 1, 1, T) is 1 where frames are to be made and 0 where they are known.
    """

    latents: Tensor
    text_ids: Tensor
    text_mask: Tensor
    grid: Tensor
    told: Tensor
    made: Tensor

    @property
    def known(self) -> Tensor:
        """(B, 9, 16, T): the known latents, and 1 where they are."""
        kept = (1.0 - self.made).expand(-1, 1, self.latents.shape[2], -1)
        return torch.cat([self.latents * kept, kept], dim=1)


class LatentCrops:
    """Random crops of the shards in a folder; `refresh` picks up new shards.

    `stems` is the share of single stems beside those that chance gives, `regions` that of crops with a known part.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: Tokenizer,
        seed: int,
        stems: float = 0.2,
        regions: float = 0.5,
        buckets: tuple = BUCKETS,
    ) -> None:
        self.folder, self.tokenizer, self.buckets = folder, tokenizer, buckets
        self.stem_share, self.regions = stems, regions
        self.rng = np.random.default_rng([seed, 4])
        unknown = tokenizer.token_to_id(UNKNOWN)
        assert unknown is not None
        self.unknown = unknown
        self.clips: list[tuple[np.ndarray, ClipFacts, list[int], list[int]]] = []
        self.stems: list[int] = []
        self._seen: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """Read the shards that have appeared since."""
        for shard in shard_names(self.folder):
            if shard not in self._seen:
                self._seen.add(shard)
                rows = np.array(read_rows(shard))
                facts = read_facts(shard)
                beats = [beat_grid_ids(clip.tempo_map, 0.0, rows.shape[-1]) for clip in facts]
                alone = [i for i, clip in enumerate(facts, len(self.clips)) if clip.activity.any(axis=1).sum() == 1]
                self.stems += alone
                self.clips += list(zip(rows, facts, beats, [chords_of(clip) for clip in facts], strict=True))

    def batch(self) -> Batch:
        """One batch of equal lengths."""
        shares = np.array([bucket[2] for bucket in self.buckets])
        frames, size, _ = self.buckets[self.rng.choice(len(self.buckets), p=shares / shares.sum())]
        frames = min(frames, CLIP_FRAMES)
        picked = [self._crop(frames) for _ in range(size)]
        latents, texts, grids, tags_told, masks = zip(*picked, strict=True)
        ids, mask = pad_texts(list(texts))
        return Batch(
            torch.from_numpy(np.stack(latents)).float(),
            ids,
            mask,
            torch.tensor(grids),
            torch.tensor(tags_told, dtype=torch.float32)[:, None, None],
            torch.from_numpy(np.stack(masks))[:, None, None],
        )

    def draw(self) -> tuple[np.ndarray, ClipFacts, list[int], list[int]]:
        """One clip, single stems more often than by chance: mixes teach little of how an instrument sounds alone."""
        stem = self.stems and self.rng.random() < self.stem_share
        return self.clips[self.rng.choice(self.stems if stem else len(self.clips))]

    def _crop(self, frames: int) -> tuple[np.ndarray, list[int], list[int], float, np.ndarray]:
        rows, facts, beats, chords = self.draw()
        first = int(self.rng.integers(rows.shape[-1] - frames + 1))
        start, end = self._region(frames)
        text = self._ids(tags_for(facts, first + start, first + end, self.rng))
        drawn = self.rng.random()
        beats_told, tags_told = drawn >= 0.15, drawn >= 0.2 or 0.1 <= drawn < 0.15
        beat_row = beats[first : first + frames] if beats_told else [0] * frames
        ids = grid_ids(beat_row, self._chords(chords[first : first + frames], start, end, drawn < 0.1))
        mask = np.zeros(frames, dtype=np.float32)
        mask[start:end] = 1.0
        return rows[..., first : first + frames], text, ids, float(tags_told), mask

    def _chords(self, chords: list[int], start: int, end: int, nothing: bool) -> list[int]:
        """The chords of what is to be made, or none; those of what is known mostly stay unknown, as in a request."""
        if nothing or self.rng.random() < 0.15:
            return [0] * len(chords)
        if self.rng.random() < 0.3:
            return chords
        return [chord if start <= frame < end else 0 for frame, chord in enumerate(chords)]

    def _ids(self, tags: str) -> list[int]:
        """The tags' ids, in one line of five with one to three unknown words, so that these come to mean nothing."""
        ids = self.tokenizer.encode(tags).ids
        for _ in range(int(self.rng.integers(1, 4)) if self.rng.random() < 0.2 else 0):
            ids.insert(int(self.rng.integers(len(ids))), self.unknown)
        return ids

    def _region(self, frames: int) -> tuple[int, int]:
        """All of the crop, or (in the share of regions) 0.7 s to three quarters of it, anywhere, its edges included."""
        if self.rng.random() >= self.regions or frames < 20:
            return 0, frames
        length = int(self.rng.integers(8, 3 * frames // 4 + 1))
        middle = int(self.rng.integers(0, frames))
        start = min(max(0, middle - length // 2), frames - length)
        return start, start + length


def pad_texts(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token ids and mask (B, TEXT_LENGTH); longer texts are cut, the end token kept."""
    ids = torch.zeros(len(texts), TEXT_LENGTH, dtype=torch.long)
    mask = torch.zeros(len(texts), TEXT_LENGTH, dtype=torch.long)
    for row, text in enumerate(texts):
        kept = text if len(text) <= TEXT_LENGTH else [*text[: TEXT_LENGTH - 1], text[-1]]
        ids[row, : len(kept)] = torch.tensor(kept)
        mask[row, : len(kept)] = 1
    return ids, mask

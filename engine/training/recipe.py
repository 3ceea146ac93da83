"""The recipe of the shipped weights, and where its stages keep their files. Knows no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.training.learning.autoencoder import AutoencoderPlan
from engine.training.learning.partials import PartialsPlan
from engine.training.learning.transformer import TransformerPlan

IN_PARTS = ("decoder", "partials", "transformer")
MOST_PARTS = 9
STAGES = ("data", "autoencoder", "latents", *IN_PARTS)


@dataclass(frozen=True)
class Plan:
    """The whole recipe. A shard is 32 clips of 28 s.

    Decoder, partials and transformer are trained in parts: each begins with the weights of the part before, its
    optimisers fresh and its rates at full height again.
    """

    mel_shards: int = 157
    latent_shards: int = 157
    autoencoder: AutoencoderPlan = field(default_factory=AutoencoderPlan)
    decoder: tuple[AutoencoderPlan, ...] = (AutoencoderPlan(steps=800, seed=8), AutoencoderPlan(steps=2500, seed=8))
    partials: tuple[PartialsPlan, ...] = (PartialsPlan(), PartialsPlan(steps=3700))
    transformer: tuple[TransformerPlan, ...] = (
        TransformerPlan(stems=0.0),
        TransformerPlan(steps=9350),
        TransformerPlan(steps=10065, muon_rate=0.014, adam_rate=1.4e-3, decay_from=0.35, seed=23, regions=0.65),
    )

    def changed(self, stage: str, steps: int | None, minutes: float | None) -> Plan:
        """The plan with other steps for each part of a stage, or with minutes that its parts share by their steps."""
        parts: Sequence[Any] = getattr(self, stage) if stage in IN_PARTS else (getattr(self, stage),)
        total = sum(part.steps for part in parts)
        if minutes is not None:
            parts = [replace(part, minutes=minutes * part.steps / total) for part in parts]
        if steps is not None:
            parts = [replace(part, steps=steps) for part in parts]
        changes: dict[str, Any] = {stage: tuple(parts) if stage in IN_PARTS else parts[0]}
        return replace(self, **changes)


@dataclass(frozen=True)
class Runs:
    """Where the stages keep their files."""

    folder: Path

    @property
    def mels(self) -> Path:
        """Log-mel shards."""
        return self.folder / "mels"

    @property
    def latents(self) -> Path:
        """Latent shards."""
        return self.folder / "latents"

    @property
    def autoencoder(self) -> Path:
        """The autoencoder's snapshot."""
        return self.folder / "autoencoder.pt"

    @property
    def inpainting(self) -> Path:
        """What inpainting was worth during the transformer's training, JSON lines."""
        return self.folder / "inpaint.jsonl"

    def part(self, stage: str, index: int) -> Path:
        """The snapshot of a stage's part, counted from 0."""
        return self.folder / (f"{stage}.pt" if index == 0 else f"{stage}-{index + 1}.pt")

    def reached(self, stage: str) -> int | None:
        """The last part of a stage that has a snapshot, or None."""
        return max((index for index in range(MOST_PARTS) if self.part(stage, index).exists()), default=None)

    def latest(self, stage: str) -> Path | None:
        """The snapshot of the last part that a stage has begun, or None."""
        index = self.reached(stage)
        return None if index is None else self.part(stage, index)

"""The recipe of the shipped weights, and where its stages keep their files. Knows no network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.training.autoencoder import AutoencoderPlan
from engine.training.partials import PartialsPlan
from engine.training.transformer import TransformerPlan

NETWORKS = ("autoencoder", "partials", "transformer")
STAGES = ("data", "autoencoder", "latents", "partials", "transformer")


@dataclass(frozen=True)
class Plan:
    """The whole recipe. A shard is 32 clips of 28 s."""

    mel_shards: int = 157
    latent_shards: int = 157
    autoencoder: AutoencoderPlan = field(default_factory=AutoencoderPlan)
    partials: PartialsPlan = field(default_factory=PartialsPlan)
    transformer: TransformerPlan = field(default_factory=TransformerPlan)

    def changed(self, network: str, steps: int | None, minutes: float | None) -> Plan:
        """The plan with other steps for a network, or with the minutes that its schedule is to follow."""
        given: dict[str, Any] = {"steps": steps, "minutes": minutes}
        new = {name: value for name, value in given.items() if value is not None}
        return replace(self, **{network: replace(getattr(self, network), **new)})


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
    def partials(self) -> Path:
        """The snapshot of the vocoder's network."""
        return self.folder / "partials.pt"

    @property
    def transformer(self) -> Path:
        """The snapshot of transformer and text encoder."""
        return self.folder / "transformer.pt"

    @property
    def inpainting(self) -> Path:
        """What inpainting was worth during the transformer's training, JSON lines."""
        return self.folder / "inpaint.jsonl"

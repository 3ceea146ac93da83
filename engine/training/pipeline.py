"""From nothing to the shipped folder: data, autoencoder, transformer, export. Each stage goes on where it was."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from engine.networks.autoencoder import MusicAutoencoder, build_autoencoder_dc
from engine.networks.log_mel import LogMel
from engine.networks.spectral_inversion import SpectralInversionVocoder
from engine.training.autoencoder import AUTOENCODER_CONFIG, AutoencoderPlan, train_autoencoder
from engine.training.dataset import mels_of, read_rows, shard_names, write_shards
from engine.training.export import VOCODER_CONFIG, export_checkpoint
from engine.training.latents import LatentCrops
from engine.training.progress import Progress
from engine.training.snapshots import load_snapshot
from engine.training.tags import all_phrases
from engine.training.transformer import Average, TransformerPlan, Velocity, train_transformer
from engine.training.vocabulary import make_tokenizer


@dataclass(frozen=True)
class Plan:
    """The whole recipe; the defaults are the shipped one's. A shard is 32 clips of 28 s."""

    mel_shards: int = 20
    latent_shards: int = 60
    autoencoder: AutoencoderPlan = field(default_factory=AutoencoderPlan)
    transformer: TransformerPlan = field(default_factory=TransformerPlan)


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
    def transformer(self) -> Path:
        """The transformer's snapshot."""
        return self.folder / "transformer.pt"


def train(out: Path, runs: Runs, plan: Plan, console: Console | None = None) -> int:
    """Run every stage that is not done yet and write the checkpoint to `out`. Returns its size in bytes."""
    make_mels(runs, plan.mel_shards, console)
    with Progress("autoencoder", console) as progress:
        train_autoencoder(runs.mels, runs.autoencoder, plan.autoencoder, progress)
    make_latents(runs, plan.latent_shards, console)
    return train_transformer_only(out, runs, plan, console)


def train_transformer_only(out: Path, runs: Runs, plan: Plan, console: Console | None = None) -> int:
    """The last two stages, on the latent shards that are there; new ones are used as they appear."""
    crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), plan.transformer.seed)
    with Progress("transformer", console) as progress:
        train_transformer(crops, runs.transformer, plan.transformer, progress)
    return export(runs, out)


def make_mels(runs: Runs, count: int, console: Console | None = None) -> None:
    """The autoencoder's shards."""
    log_mel = LogMel()
    with Progress("data", console, every=1) as progress:
        write_shards(
            runs.mels, count, lambda audio: mels_of(audio, log_mel).numpy(), lambda i: progress.step(i + 1, count)
        )


def make_latents(runs: Runs, count: int, console: Console | None = None) -> None:
    """The transformer's shards: those that exist as mels, then more from their seeds."""
    encoder = trained_autoencoder(runs)
    log_mel = LogMel()
    runs.latents.mkdir(parents=True, exist_ok=True)
    for shard in shard_names(runs.mels)[:count]:
        _encode_shard(encoder, shard, runs.latents / shard.name)
    with Progress("latents", console, every=1) as progress:
        write_shards(
            runs.latents,
            count,
            lambda audio: _encode(encoder, mels_of(audio, log_mel)),
            lambda i: progress.step(i + 1, count),
        )


def _encode_shard(encoder: MusicAutoencoder, shard: Path, out: Path) -> None:
    if out.with_suffix(".json").exists():
        return
    rows = [_encode(encoder, torch.from_numpy(np.array(row))) for row in read_rows(shard)]
    np.save(out.with_suffix(".npy"), np.stack(rows))
    shutil.copy(shard.with_suffix(".json"), out.with_suffix(".part"))
    out.with_suffix(".part").replace(out.with_suffix(".json"))


def _encode(encoder: MusicAutoencoder, mel: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return encoder.encode_mel(mel.float()[None])[0].half().numpy()


def trained_autoencoder(runs: Runs) -> MusicAutoencoder:
    """The autoencoder of the snapshot, with the shipped vocoder."""
    model = build_autoencoder_dc(AUTOENCODER_CONFIG)
    load_snapshot(runs.autoencoder, model=model)
    return MusicAutoencoder(model, SpectralInversionVocoder(VOCODER_CONFIG)).eval()


def export(runs: Runs, out: Path) -> int:
    """The snapshots as a checkpoint folder."""
    autoencoder = build_autoencoder_dc(AUTOENCODER_CONFIG)
    load_snapshot(runs.autoencoder, model=autoencoder)
    average = Average(Velocity())
    load_snapshot(runs.transformer, average=average)
    return export_checkpoint(out, autoencoder.state_dict(), average.weights())

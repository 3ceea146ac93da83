"""From nothing to the shipped folder: data, autoencoder, latents, decoder, partials, transformer, export.

Each stage goes on where it was stopped. Stages may also run side by side (`train --only ...`): the transformer takes up
latent shards as they appear, and the decoder's refinement leaves latents as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from engine.networks.autoencoder import MusicAutoencoder, build_autoencoder_dc
from engine.networks.log_mel import LogMel
from engine.networks.partials import Partials, PartialsConfig
from engine.networks.spectral_inversion import SpectralInversionVocoder
from engine.training.autoencoder import AUTOENCODER_CONFIG, AutoencoderPlan, refine_decoder, train_autoencoder
from engine.training.dataset import mels_of, read_rows, shard_names, write_shards
from engine.training.export import VOCODER_CONFIG, export_checkpoint, vocoder_config
from engine.training.latents import LatentCrops
from engine.training.partials import PartialsPlan, train_partials
from engine.training.progress import Progress
from engine.training.snapshots import load_snapshot, save_start
from engine.training.tags import all_phrases
from engine.training.transformer import Average, TransformerPlan, Velocity, train_transformer
from engine.training.vocabulary import make_tokenizer

STAGES = ("data", "autoencoder", "latents", "decoder", "partials", "transformer")


@dataclass(frozen=True)
class Plan:
    """The whole recipe. A shard is 32 clips of 28 s.

    The shipped weights were trained by it and then, with `start_from`, further: their model card has both parts.
    """

    mel_shards: int = 157
    latent_shards: int = 157
    autoencoder: AutoencoderPlan = field(default_factory=AutoencoderPlan)
    decoder: AutoencoderPlan = field(default_factory=lambda: AutoencoderPlan(steps=800, seed=8))
    partials: PartialsPlan = field(default_factory=PartialsPlan)
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
    def decoder(self) -> Path:
        """The snapshot of the autoencoder with its refined decoder."""
        return self.folder / "decoder.pt"

    @property
    def partials(self) -> Path:
        """The snapshot of the vocoder's network."""
        return self.folder / "partials.pt"

    @property
    def transformer(self) -> Path:
        """The transformer's snapshot."""
        return self.folder / "transformer.pt"


def train(out: Path, runs: Runs, plan: Plan, console: Console | None = None, only: str | None = None) -> int:
    """Run every stage that is not done yet (or `only` one) and write the checkpoint to `out`. Returns its bytes."""
    for stage in STAGES if only is None else (only,):
        _run_stage(stage, runs, plan, console)
    return export(runs, out) if only in (None, "transformer") else 0


def _run_stage(stage: str, runs: Runs, plan: Plan, console: Console | None) -> None:
    if stage == "data":
        return make_mels(runs, plan.mel_shards, console)
    if stage == "latents":
        return make_latents(runs, plan.latent_shards, console)
    with Progress(stage, console) as progress:
        if stage == "autoencoder":
            train_autoencoder(runs.mels, runs.autoencoder, plan.autoencoder, progress)
        elif stage == "decoder":
            refine_decoder(runs.mels, runs.autoencoder, runs.decoder, plan.decoder, progress)
        elif stage == "partials":
            train_partials(trained_autoencoder(runs, VOCODER_CONFIG), runs.partials, plan.partials, progress)
        else:
            crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), plan.transformer.seed)
            train_transformer(crops, runs.transformer, plan.transformer, progress)


def start_from(model: str, runs: Runs) -> None:
    """Snapshots of a model's weights at step 0, in place of random ones: a warm start, its optimisers fresh.

    Raises ValueError if the model's networks are not of this recipe's sizes.
    """
    import engine

    networks = engine.load(model, device="cpu").networks
    dcae, velocity = build_autoencoder_dc(AUTOENCODER_CONFIG), Velocity()
    weights = {f"transformer.{name}": value for name, value in networks.transformer.state_dict().items()}
    weights |= {f"text.{name}": value for name, value in networks.text_encoder.model.state_dict().items()}
    try:
        dcae.load_state_dict(networks.autoencoder.dcae.state_dict())
        velocity.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"--from {model}: got other networks than this recipe's: {error}") from error
    save_start(runs.autoencoder, model=dcae)
    save_start(runs.transformer, model=velocity)
    partials = networks.autoencoder.vocoder.partials
    if partials is not None:
        save_start(runs.partials, model=partials)


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


def trained_autoencoder(runs: Runs, vocoder: Mapping[str, Any] | None = None) -> MusicAutoencoder:
    """The autoencoder of the snapshot, its decoder refined where that is there, with the plain or the given vocoder."""
    return MusicAutoencoder(_dcae(runs), SpectralInversionVocoder(vocoder or vocoder_config(partials=False))).eval()


def _dcae(runs: Runs) -> Any:
    model = build_autoencoder_dc(AUTOENCODER_CONFIG)
    load_snapshot(runs.decoder if runs.decoder.exists() else runs.autoencoder, model=model)
    return model


def export(runs: Runs, out: Path) -> int:
    """The snapshots as a checkpoint folder."""
    average = Average(Velocity())
    load_snapshot(runs.transformer, average=average)
    return export_checkpoint(out, _dcae(runs).state_dict(), average.weights(), _partials(runs))


def _partials(runs: Runs) -> dict[str, torch.Tensor] | None:
    if not runs.partials.exists():
        return None
    model = Partials(PartialsConfig.from_dict(VOCODER_CONFIG["partials"]))
    load_snapshot(runs.partials, model=model)
    return model.state_dict()

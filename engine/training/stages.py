"""From nothing to the shipped folder: data, autoencoder, latents, decoder, partials, transformer, export.

Each stage goes on where it was stopped. Stages may also run side by side (`train --only ...`): the transformer takes up
latent shards as they appear, and the decoder's refinement leaves latents as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn

from engine.checkpoints.networks import Networks
from engine.networks.autoencoder import MusicAutoencoder, build_autoencoder_dc
from engine.networks.log_mel import LogMel
from engine.networks.partials import Partials, PartialsConfig
from engine.networks.spectral_inversion import SpectralInversionVocoder
from engine.training.evaluation.region_check import check_inpainting
from engine.training.export import VOCODER_CONFIG, export_checkpoint, vocoder_config
from engine.training.learning.autoencoder import AUTOENCODER_CONFIG, refine_decoder, train_autoencoder
from engine.training.learning.dataset import mels_of, read_rows, shard_names, write_shards
from engine.training.learning.latents import LatentCrops
from engine.training.learning.partials import train_partials
from engine.training.learning.snapshots import load_snapshot, save_start
from engine.training.learning.transformer import Average, Velocity, train_transformer
from engine.training.music.tags import all_phrases
from engine.training.music.vocabulary import make_tokenizer
from engine.training.progress import Progress
from engine.training.recipe import STAGES, Plan, Runs


def train(out: Path, runs: Runs, plan: Plan, console: Console | None = None, only: str | None = None) -> int:
    """Run every stage that is not done yet (or `only` one) and write the checkpoint to `out`. Returns its bytes."""
    for stage in STAGES if only is None else (only,):
        _run_stage(stage, runs, plan, console)
    return export(runs, out) if only in (None, "transformer") else 0


def _run_stage(stage: str, runs: Runs, plan: Plan, console: Console | None) -> None:
    if stage == "data":
        return make_mels(runs, plan.mel_shards, console, torch.get_num_threads())
    if stage == "latents":
        return make_latents(runs, plan.latent_shards, console)
    if stage == "autoencoder":
        if runs.reached("decoder") is None:
            with Progress(stage, console) as progress:
                train_autoencoder(runs.mels, runs.autoencoder, plan.autoencoder, progress)
        return None
    parts = getattr(plan, stage)
    for index in range(runs.reached(stage) or 0, len(parts)):
        if index and not runs.part(stage, index).exists():
            save_start(runs.part(stage, index), model=_finished(stage, runs, runs.part(stage, index - 1)))
        with Progress(stage if len(parts) == 1 else f"{stage} {index + 1} of {len(parts)}", console) as progress:
            _train_part(stage, runs, runs.part(stage, index), parts[index], progress)
    return None


def _train_part(stage: str, runs: Runs, snapshot: Path, plan: Any, progress: Progress) -> None:
    if stage == "decoder":
        refine_decoder(runs.mels, runs.autoencoder, snapshot, plan, progress)
    elif stage == "partials":
        train_partials(trained_autoencoder(runs, VOCODER_CONFIG), snapshot, plan, progress)
    else:
        crops = LatentCrops(runs.latents, make_tokenizer(all_phrases()), plan.seed, plan.stems, plan.regions)
        train_transformer(crops, snapshot, plan, progress, partial(_check, runs, progress))


def _check(runs: Runs, progress: Progress, step: int) -> None:
    """What inpainting is worth with the weights of now."""
    export(runs, runs.folder / "now")
    shares = check_inpainting(runs.folder / "now", step, runs.inpainting)
    progress.note(f"inpaint at step {step}: " + "  ".join(f"{name} {share:.2f}" for name, share in shares.items()))


def _finished(stage: str, runs: Runs, snapshot: Path) -> nn.Module:
    """The network that a finished part gives."""
    if stage == "transformer":
        return finished_transformer(snapshot)
    model = Partials(PartialsConfig.from_dict(VOCODER_CONFIG["partials"])) if stage == "partials" else _dcae(runs)
    load_snapshot(snapshot, model=model)
    return model


def finished_transformer(snapshot: Path) -> Velocity:
    """Transformer and text encoder with the averaged weights of a snapshot."""
    model = Velocity()
    average = Average(model)
    load_snapshot(snapshot, average=average)
    model.load_state_dict(average.weights())
    return model


def start_from(model: str, runs: Runs, plan: Plan) -> None:
    """Snapshots of a model's weights at step 0 of each last part: a warm start, its optimisers fresh.

    The encoder stays as it is. Parts that have a snapshot go on from it.
    Raises ValueError if the model's networks are not of this recipe's sizes.
    """
    import engine

    networks = engine.load(model, device="cpu").networks
    assert isinstance(networks, Networks)
    dcae, velocity = build_autoencoder_dc(AUTOENCODER_CONFIG), Velocity()
    weights = {f"transformer.{name}": value for name, value in networks.transformer.state_dict().items()}
    weights |= {f"text.{name}": value for name, value in networks.text_encoder.model.state_dict().items()}
    try:
        dcae.load_state_dict(networks.autoencoder.dcae.state_dict())
        velocity.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"--from {model}: got other networks than this recipe's: {error}") from error
    starts: dict[Path, nn.Module] = {runs.autoencoder: dcae, runs.part("decoder", len(plan.decoder) - 1): dcae}
    starts[runs.part("transformer", len(plan.transformer) - 1)] = velocity
    vocoder = networks.autoencoder.vocoder
    if isinstance(vocoder, SpectralInversionVocoder) and vocoder.partials is not None:
        starts[runs.part("partials", len(plan.partials) - 1)] = vocoder.partials
    for path, network in starts.items():
        if not path.exists():
            save_start(path, model=network)


def make_mels(runs: Runs, count: int, console: Console | None = None, workers: int = 1) -> None:
    """The autoencoder's shards."""
    with Progress("data", console, every=1) as progress:
        write_shards(runs.mels, count, partial(_mels, LogMel()), lambda done: progress.step(done, count), workers)


def make_latents(runs: Runs, count: int, console: Console | None = None) -> None:
    """The transformer's shards: those that exist as mels, then more from their seeds."""
    encoder = trained_autoencoder(runs)
    runs.latents.mkdir(parents=True, exist_ok=True)
    for shard in shard_names(runs.mels)[:count]:
        _encode_shard(encoder, shard, runs.latents / shard.name)
    with Progress("latents", console, every=1) as progress:
        write_shards(runs.latents, count, partial(_latents, encoder, LogMel()), lambda done: progress.step(done, count))


def _mels(log_mel: LogMel, audio: np.ndarray) -> np.ndarray:
    return mels_of(audio, log_mel).numpy()


def _latents(encoder: MusicAutoencoder, log_mel: LogMel, audio: np.ndarray) -> np.ndarray:
    return _encode(encoder, mels_of(audio, log_mel))


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
    load_snapshot(runs.latest("decoder") or runs.autoencoder, model=model)
    return model


def export(runs: Runs, out: Path) -> int:
    """The latest snapshots as a checkpoint folder; returns its bytes.

    Raises FileNotFoundError if the transformer has none yet.
    """
    transformer, vocoder = runs.latest("transformer"), runs.latest("partials")
    if transformer is None:
        raise FileNotFoundError(f"{runs.folder}: got no snapshot of the transformer, expected one; train it first")
    partials = None if vocoder is None else _finished("partials", runs, vocoder).state_dict()
    return export_checkpoint(out, _dcae(runs).state_dict(), finished_transformer(transformer).state_dict(), partials)

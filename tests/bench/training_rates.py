"""Whether nano's data are made faster than its training takes them in: seconds of music a second, side by side.

The generator and log-mels beside the steps of the autoencoder and of the transformer, each in one thread's processor
time. The transformer goes over the same clips many times, cut at other places and told otherwise, so its crops are more
music than there is; what it takes in new is all of the recipe's clips in the time of all its steps.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from io import StringIO
from itertools import count
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from engine.constants import FRAME_RATE, MODEL_SAMPLE_RATE
from engine.networks.autoencoder import build_autoencoder_dc
from engine.networks.log_mel import LogMel
from engine.training.learning.autoencoder import AUTOENCODER_CONFIG, HOP, MelCrops, autoencoder_loss
from engine.training.learning.dataset import CLIP_SAMPLES, SHARD_CLIPS, mels_of
from engine.training.learning.latents import LatentCrops
from engine.training.learning.muon import split_optimizers
from engine.training.learning.transformer import Velocity, velocity_loss
from engine.training.music.clips import make_clip
from engine.training.music.tags import all_phrases
from engine.training.music.vocabulary import make_tokenizer
from engine.training.recipe import Plan, Runs
from engine.training.stages import make_latents, make_mels, start_from
from tests.bench.figures import Figure, Result

ROUNDS = 25
FIRST_SEED = 800_000  # no training's, no evaluation's
HOW = "one thread, processor time"


def training(threads: int) -> list[Result]:
    """Rates of the generator and of what takes its clips in, and their ratios. One thread, as the recipe has it."""
    torch.set_num_threads(1)
    plan = Plan()
    with tempfile.TemporaryDirectory() as folder:
        works = {"generator": _generator(), **_steps(Path(folder), plan)}
        rates, seconds = _in_turns(works)
    torch.set_num_threads(threads)
    clips = SHARD_CLIPS * plan.latent_shards
    made = clips * seconds["generator"]
    trained = sum(part.steps for part in plan.transformer) * seconds["transformer"]
    own = {name: f"{rate:.0f} s of music a second, {HOW}" for name, rate in rates.items()}
    fed = f"{clips} clips made in {made / 60:.0f} min, the transformer's steps in {trained / 60:.0f} min, {HOW}"
    what = "generator with log-mels: seconds of music a second"
    codec, flow = (rates["generator"] / rates[name] for name in ("autoencoder", "transformer"))
    return [
        Figure("generator_realtime", what, rates["generator"], "x", "", HOW),
        Figure("generator_codec", "generator / autoencoder's crops", codec, "x", ">= 1", own["autoencoder"]),
        Figure("generator_new", "generator / transformer's new clips", trained / made, "x", ">= 1", fed),
        Figure("generator_crops", "generator / transformer's crops, repeats too", flow, "x", "", own["transformer"]),
    ]


def _generator() -> Callable[[], float]:
    seeds, log_mel = count(FIRST_SEED), LogMel()

    def work() -> float:
        mels_of(make_clip(next(seeds))[0], log_mel)
        return CLIP_SAMPLES / MODEL_SAMPLE_RATE

    return work


def _steps(folder: Path, plan: Plan) -> dict[str, Callable[[], float]]:
    """One step of each network on a shard of true clips, as the recipe trains it; each gives its seconds of music."""
    runs, console = Runs(folder), Console(file=StringIO())
    start_from("nano", runs, plan)
    make_mels(runs, 1, console)
    make_latents(runs, 1, console)
    codec, velocity = build_autoencoder_dc(AUTOENCODER_CONFIG), Velocity()
    mels = MelCrops(runs.mels, plan.autoencoder.crop, 1)
    latents = LatentCrops(runs.latents, make_tokenizer(all_phrases()), 1)

    def codec_loss() -> tuple[Tensor, float]:
        batch = mels.batch(plan.autoencoder.batch)
        music = batch.shape[0] * batch.shape[-1] * HOP / MODEL_SAMPLE_RATE
        return autoencoder_loss(codec, batch, plan.autoencoder.noise)["loss"], music

    def flow_loss() -> tuple[Tensor, float]:
        batch = latents.batch()
        return velocity_loss(velocity, batch), batch.latents.shape[0] * batch.latents.shape[-1] / FRAME_RATE

    return {"autoencoder": _step(codec, codec_loss), "transformer": _step(velocity, flow_loss)}


def _step(model: nn.Module, loss: Callable[[], tuple[Tensor, float]]) -> Callable[[], float]:
    optimizers = split_optimizers(model, 1e-3, 1e-4)

    def work() -> float:
        value, music = loss()
        value.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return music

    return work


def _in_turns(works: dict[str, Callable[[], float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of music a second, and mean seconds a round: crops differ in length, so a median would be of one kind."""
    for work in works.values():
        work()
    music, spent = dict.fromkeys(works, 0.0), dict.fromkeys(works, 0.0)
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.process_time()
            music[name] += work()
            spent[name] += time.process_time() - start
    return {name: music[name] / spent[name] for name in works}, {name: spent[name] / ROUNDS for name in works}


BENCHES = {"training": training}

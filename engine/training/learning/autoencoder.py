"""Trains nano's AutoencoderDC on log-mel shards, through v1's fixed latent shift and scale. Knows no transformer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.constants import LATENT_STRIDE, MODEL_SAMPLE_RATE, SAMPLES_PER_FRAME
from engine.networks.autoencoder import (
    LATENT_SCALE,
    LATENT_SHIFT,
    build_autoencoder_dc,
    denormalise_mel,
    normalise_mel,
)
from engine.networks.log_mel import LogMel
from engine.training.learning.dataset import mels_of, read_rows, shard_names, silent_mel
from engine.training.learning.descent import Course, Losses, descend
from engine.training.learning.precision import mixed_precision
from engine.training.learning.schedule import Clock
from engine.training.learning.snapshots import load_snapshot
from engine.training.progress import Progress

HOP = SAMPLES_PER_FRAME // LATENT_STRIDE
HEARD_NATS, LOUD_NATS = 6.9, 3.0
TONE_SHARE = 0.1
SAVE_EVERY = 100
AUTOENCODER_CONFIG: dict[str, Any] = {
    "_class_name": "AutoencoderDC",
    "attention_head_dim": 16,
    "decoder_act_fns": "silu",
    "decoder_block_out_channels": [16, 32, 64, 128],
    "decoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock"],
    "decoder_layers_per_block": [0, 2, 2, 3],
    "decoder_norm_types": "rms_norm",
    "decoder_qkv_multiscales": [[], [], [5], [5]],
    "downsample_block_type": "Conv",
    "encoder_block_out_channels": [16, 32, 64, 128],
    "encoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock"],
    "encoder_layers_per_block": [0, 1, 1, 2],
    "encoder_qkv_multiscales": [[], [], [5], [5]],
    "in_channels": 2,
    "latent_channels": 8,
    "scaling_factor": 0.41407,
    "upsample_block_type": "pixel_shuffle",
}


@dataclass(frozen=True)
class AutoencoderPlan:
    """How long and how: `crop` is in mel frames and a multiple of 8. With `minutes` the schedule follows the clock."""

    steps: int = 2560
    minutes: float | None = None
    batch: int = 8
    crop: int = 96
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    decay_from: float = 0.4
    noise: float = 0.15
    seed: int = 7


class MelCrops:
    """Random crops of the shards in a folder; new shards are picked up as they appear."""

    def __init__(self, folder: Path, crop: int, seed: int) -> None:
        self.folder, self.crop = folder, crop
        self.rng = np.random.default_rng([seed, 3])
        self.log_mel = LogMel()
        self.silence = silent_mel(self.log_mel)
        self.shards = [read_rows(name) for name in shard_names(folder)]

    def refresh(self) -> None:
        """Look for new shards."""
        self.shards = [read_rows(name) for name in shard_names(self.folder)]

    def batch(self, size: int) -> Tensor:
        """(size, 2, 128, crop) float32; a few are held tones of any pitch, a few partly or wholly silent."""
        return torch.stack([self._maybe_silent(self._crop()) for _ in range(size)])

    def _crop(self) -> Tensor:
        if self.rng.random() < TONE_SHARE:
            return mels_of(held_tones(self.rng, self.crop * HOP), self.log_mel).float()
        shard = self.shards[self.rng.integers(len(self.shards))]
        start = int(self.rng.integers(shard.shape[-1] - self.crop + 1))
        return torch.from_numpy(np.array(shard[self.rng.integers(len(shard)), ..., start : start + self.crop])).float()

    def _maybe_silent(self, mel: Tensor) -> Tensor:
        if self.rng.random() < 0.06:
            edge = int(self.rng.integers(0, self.crop))
            mel[..., edge:] = self.silence
        return mel


def held_tones(rng: np.random.Generator, samples: int) -> np.ndarray:
    """One or two steady tones of any pitch, with few partials: (2, samples) float32 at 44.1 kHz."""
    seconds = np.arange(samples, dtype=np.float32) / MODEL_SAMPLE_RATE
    audio = np.zeros((2, samples), dtype=np.float32)
    for _ in range(int(rng.integers(1, 3))):
        hertz, fall = 55.0 * 2.0 ** rng.uniform(0.0, 5.0), rng.uniform(1.0, 3.0)
        for number in range(1, int(rng.choice([1, 1, 2, 4, 8])) + 1):
            wave = np.sin(np.float32(2 * np.pi * hertz * number) * seconds + np.float32(rng.uniform(0.0, 6.28)))
            audio += wave * rng.uniform(0.5, 1.0, (2, 1)).astype(np.float32) * np.float32(number**-fall)
    return audio * np.float32(10.0 ** rng.uniform(-2.0, -0.6) / np.abs(audio).max())


def train_autoencoder(mels: Path, out: Path, plan: AutoencoderPlan, progress: Progress) -> nn.Module:
    """Train to the plan's end, going on from `out`'s snapshot. Returns the model; `out` holds it."""
    torch.manual_seed(plan.seed)
    return _train(build_autoencoder_dc(AUTOENCODER_CONFIG), mels, out, plan, progress)


def refine_decoder(mels: Path, trained: Path, out: Path, plan: AutoencoderPlan, progress: Progress) -> nn.Module:
    """Train the decoder of `trained`'s snapshot further, its encoder left as it is, so that latents made before keep.

    `out` holds the whole model; the transformer can be trained meanwhile.
    """
    model: Any = build_autoencoder_dc(AUTOENCODER_CONFIG)
    load_snapshot(trained, model=model)
    model.encoder.requires_grad_(False)
    return _train(model, mels, out, plan, progress)


def _train(model: Any, mels: Path, out: Path, plan: AutoencoderPlan, progress: Progress) -> nn.Module:
    def begin(step: int, clock: Clock) -> Losses:
        crops = MelCrops(mels, plan.crop, plan.seed + step)

        def losses(step: int) -> dict[str, Tensor]:
            if step % SAVE_EVERY == 0:
                crops.refresh()
            return autoencoder_loss(model, crops.batch(plan.batch), plan.noise)

        return losses

    return descend(model, out, plan, Course(begin), progress, SAVE_EVERY)


def autoencoder_loss(model: Any, mel: Tensor, noise: float) -> dict[str, Tensor]:
    """mel (B, 2, 128, F) in nats -> loss and its parts: L1, squared, slopes in time and frequency, latents' moments."""
    with mixed_precision():
        latents = (model.encoder(normalise_mel(mel)) - LATENT_SHIFT) * LATENT_SCALE
        level = torch.rand(mel.shape[0], 1, 1, 1) * noise
        noisy = latents + level * torch.randn_like(latents)
        decoded = model.decoder(noisy / LATENT_SCALE + LATENT_SHIFT)
    error = denormalise_mel(decoded.float()) - mel
    l1 = error.abs().mean()
    heard = audibility(mel)
    slopes = (error.diff(dim=-1).abs() * heard[..., 1:]).mean() + (error.diff(dim=-2).abs() * heard[:, :, 1:]).mean()
    z = latents.float()
    moments = z.mean().square() + (z.std() - 1.0).square() + z.mean(dim=(0, 2, 3)).square().mean()
    sizes = (heard * (error.abs() + 2.0 / 7.0 * error.square())).mean()
    loss = sizes + 0.25 * slopes + 0.01 * moments
    return {"loss": loss, "l1": l1.detach(), "std": z.std().detach()}


def audibility(mel: Tensor) -> Tensor:
    """Weights (B, 2, 128, F) between 0.3 and 1.7: what lies 60 dB or more under the crop's peak counts for less, what
    lies within 26 dB for more. Pitch is heard in loud partials, and the vocoder finds it in the slopes around them."""
    peak = mel.amax(dim=(1, 2, 3), keepdim=True)
    heard, loud = torch.sigmoid(mel - (peak - HEARD_NATS)), torch.sigmoid(2.0 * (mel - (peak - LOUD_NATS)))
    return 0.3 + 0.7 * heard + 0.7 * loud

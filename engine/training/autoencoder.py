"""Trains nano's AutoencoderDC on log-mel shards, through v1's fixed latent shift and scale. Knows no transformer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.networks.autoencoder import (
    LATENT_SCALE,
    LATENT_SHIFT,
    build_autoencoder_dc,
    denormalise_mel,
    normalise_mel,
)
from engine.networks.log_mel import LogMel
from engine.training.dataset import read_rows, shard_names, silent_mel
from engine.training.progress import Progress
from engine.training.snapshots import load_snapshot, save_snapshot

AUTOENCODER_CONFIG: dict[str, Any] = {
    "_class_name": "AutoencoderDC",
    "attention_head_dim": 16,
    "decoder_act_fns": "silu",
    "decoder_block_out_channels": [16, 32, 64, 128],
    "decoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock"],
    "decoder_layers_per_block": [0, 2, 2, 2],
    "decoder_norm_types": "rms_norm",
    "decoder_qkv_multiscales": [[], [], [5], [5]],
    "downsample_block_type": "Conv",
    "encoder_block_out_channels": [16, 32, 64, 64],
    "encoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock"],
    "encoder_layers_per_block": [0, 1, 1, 1],
    "encoder_qkv_multiscales": [[], [], [5], [5]],
    "in_channels": 2,
    "latent_channels": 8,
    "scaling_factor": 0.41407,
    "upsample_block_type": "pixel_shuffle",
}


@dataclass(frozen=True)
class AutoencoderPlan:
    """How long and how: `crop` is in mel frames and a multiple of 8."""

    steps: int = 1000
    batch: int = 8
    crop: int = 96
    learning_rate: float = 2e-3
    noise: float = 0.15
    seed: int = 7


class MelCrops:
    """Random crops of the shards in a folder; new shards are picked up as they appear."""

    def __init__(self, folder: Path, crop: int, seed: int) -> None:
        self.folder, self.crop = folder, crop
        self.rng = np.random.default_rng([seed, 3])
        self.silence = silent_mel(LogMel())
        self.shards = [read_rows(name) for name in shard_names(folder)]

    def refresh(self) -> None:
        """Look for new shards."""
        self.shards = [read_rows(name) for name in shard_names(self.folder)]

    def batch(self, size: int) -> Tensor:
        """(size, 2, 128, crop) float32; a few are partly or wholly silent."""
        rows = []
        for _ in range(size):
            shard = self.shards[self.rng.integers(len(self.shards))]
            start = int(self.rng.integers(shard.shape[-1] - self.crop + 1))
            mel = torch.from_numpy(np.array(shard[self.rng.integers(len(shard)), ..., start : start + self.crop]))
            rows.append(self._maybe_silent(mel.float()))
        return torch.stack(rows)

    def _maybe_silent(self, mel: Tensor) -> Tensor:
        if self.rng.random() < 0.06:
            edge = int(self.rng.integers(0, self.crop))
            mel[..., edge:] = self.silence
        return mel


def train_autoencoder(mels: Path, out: Path, plan: AutoencoderPlan, progress: Progress) -> nn.Module:
    """Train to `plan.steps`, going on from `out`'s snapshot. Returns the model; `out` holds it."""
    torch.manual_seed(plan.seed)
    model = build_autoencoder_dc(AUTOENCODER_CONFIG)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.95), weight_decay=0.01)
    step = load_snapshot(out, model=model, optimizer=optimizer)
    crops = MelCrops(mels, plan.crop, plan.seed + step)
    for done in range(step, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _cosine(done, plan.steps)
        parts = autoencoder_loss(model, crops.batch(plan.batch), plan.noise)
        optimizer.zero_grad()
        parts["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.step(done + 1, plan.steps, {name: value.item() for name, value in parts.items()})
        if (done + 1) % 100 == 0 or done + 1 == plan.steps:
            save_snapshot(out, done + 1, model=model, optimizer=optimizer)
            crops.refresh()
    return model.eval()


def _cosine(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / 50)
    return warm * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / steps)))


def autoencoder_loss(model: Any, mel: Tensor, noise: float) -> dict[str, Tensor]:
    """mel (B, 2, 128, F) in nats -> loss and its parts: L1, squared, slopes in time and frequency, latents' moments."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        latents = (model.encoder(normalise_mel(mel)) - LATENT_SHIFT) * LATENT_SCALE
        level = torch.rand(mel.shape[0], 1, 1, 1) * noise
        noisy = latents + level * torch.randn_like(latents)
        made = model.decoder(noisy / LATENT_SCALE + LATENT_SHIFT)
    error = denormalise_mel(made.float()) - mel
    l1 = error.abs().mean()
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    z = latents.float()
    moments = z.mean().square() + (z.std() - 1.0).square() + z.mean(dim=(0, 2, 3)).square().mean()
    loss = l1 + 2.0 / 7.0 * error.square().mean() + 0.25 * slopes + 0.01 * moments
    return {"loss": loss, "l1": l1.detach(), "std": z.std().detach()}

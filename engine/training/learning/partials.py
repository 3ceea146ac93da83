"""Trains the vocoder's `Partials` on log-mels as the codec gives them, against the true clip's spectrum.

A bin's frequency is the true advance of its phase from frame to frame (Flanagan and Golden, 1966).
Knows no transformer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.constants import SAMPLES_PER_FRAME
from engine.networks.autoencoder import MusicAutoencoder
from engine.networks.partials import cell_shares
from engine.networks.spectral_inversion import SpectralInversionVocoder
from engine.training.learning.autoencoder import held_tones
from engine.training.learning.dataset import HELD_OUT_SEEDS
from engine.training.learning.descent import Course, Losses, descend
from engine.training.learning.precision import mixed_precision
from engine.training.learning.schedule import Clock
from engine.training.music.clips import make_clip
from engine.training.progress import Progress

FIRST_SEED = HELD_OUT_SEEDS + 100_000
CLIPS, CLIP_FRAMES, CROP = 160, 96, 128
CLIP_OF_TONES = 8
LATENT_NOISE = 0.35
SAVE_EVERY = 200
SPREAD = 1.0  # cells


@dataclass(frozen=True)
class PartialsPlan:
    """How long; each step takes `batch` crops of 1.5 s. With `minutes` the schedule follows the clock."""

    steps: int = 3660
    minutes: float | None = None
    batch: int = 12
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    decay_from: float = 0.4
    seed: int = 9
    renew: int = 4  # a new clip takes an old one's place every so many steps
    coded: float = 0.75  # the share of clips that are seen through the codec


@dataclass(frozen=True)
class Example:
    """One channel of one clip: inputs and targets (bins, F) each; `place` in bins from the bin's own."""

    magnitudes: Tensor
    mel: Tensor
    true: Tensor
    place: Tensor


class PartialsClips:
    """A pool of clips, seen through the codec with random noise on the latents; old ones are replaced by new ones."""

    def __init__(self, codec: MusicAutoencoder, seed: int, clips: int = CLIPS, coded: float = 0.75) -> None:
        self.coded = coded
        self.codec, self.rng, self.size = codec, np.random.default_rng([seed, 12]), clips
        self.next_seed = FIRST_SEED + seed * 10_000
        self.pool: list[Example] = []

    def renew(self) -> None:
        """Put one new clip into the pool, in an old one's place where it is full."""
        examples = self._examples(self._audio())
        if len(self.pool) < 2 * self.size:
            self.pool += examples
        else:
            at = 2 * int(self.rng.integers(self.size))
            self.pool[at : at + 2] = examples

    def batch(self, size: int) -> Example:
        """Random crops, (size, bins, CROP) each."""
        crops = []
        for _ in range(size):
            example = self.pool[self.rng.integers(len(self.pool))]
            start = int(self.rng.integers(example.mel.shape[-1] - CROP + 1))
            crops.append([part[:, start : start + CROP] for part in vars(example).values()])
        return Example(*(torch.stack(parts).float() for parts in zip(*crops, strict=True)))

    def _audio(self) -> Tensor:
        self.next_seed += 1
        if self.next_seed % CLIP_OF_TONES == 0:
            return torch.from_numpy(held_tones(self.rng, CLIP_FRAMES * SAMPLES_PER_FRAME))
        return torch.from_numpy(make_clip(self.next_seed, CLIP_FRAMES)[0])

    @torch.no_grad()
    def _examples(self, audio: Tensor) -> list[Example]:
        vocoder = self.codec.vocoder
        assert isinstance(vocoder, SpectralInversionVocoder) and vocoder.partials is not None
        mel = vocoder.encode(audio)
        if self.rng.random() < self.coded:
            latents = self.codec.encode_mel(mel[None])
            level = float(self.rng.random()) * LATENT_NOISE
            mel = self.codec.decode_mel(latents + level * torch.randn_like(latents))[0]
        bins = vocoder.partials.config.bins
        magnitudes, on_bins = vocoder.partials_input(mel, vocoder.magnitudes(mel))
        true, place = true_partials(vocoder, audio, bins)
        parts = [part.half() for part in (magnitudes, on_bins, true, place)]
        return [Example(*(part[channel] for part in parts)) for channel in range(audio.shape[0])]


def true_partials(vocoder: SpectralInversionVocoder, audio: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """audio (B, n) -> log magnitudes (B, bins, F), and where each bin's partial lies, in bins from its own."""
    size, hop = vocoder.n_fft, vocoder.hop_length
    side = (size - hop) // 2
    padded = F.pad(audio[:, None], (side, side), mode="reflect")[:, 0]
    window = vocoder.mel_transform.spectrogram.get_buffer("window").float()
    spectrum = torch.stft(padded, size, hop, window=window, center=False, return_complex=True)[:, :bins]
    advance = torch.angle(spectrum[..., 1:] * spectrum[..., :-1].conj())
    expected = 2 * torch.pi * hop / size * torch.arange(bins)[:, None]
    turn = (advance - expected + torch.pi) % (2 * torch.pi) - torch.pi
    place = turn * size / (2 * torch.pi * hop)
    return torch.log(spectrum.abs() + vocoder.QUIET), torch.cat([place[..., :1], place], dim=-1)


def partials_loss(model: nn.Module, batch: Example) -> dict[str, Tensor]:
    """Loss and its parts: error of the log magnitudes in nats and cross entropy of the places, where there is sound."""
    with mixed_precision():
        predicted, cells = model(batch.magnitudes, batch.mel)
    peak = batch.true.amax(dim=(1, 2), keepdim=True)
    heard = torch.sigmoid(batch.true - (peak - 5.0))
    sizes = ((predicted - batch.true).abs() * (0.1 + heard)).mean()
    energy = torch.exp(0.7 * (batch.true - peak))
    wrong = F.cross_entropy(cells, cell_shares(batch.place, SPREAD), reduction="none")
    turns = (wrong * energy).sum() / energy.sum()
    return {"loss": 0.5 * sizes + 0.25 * turns, "sizes": sizes.detach(), "turns": turns.detach()}


def train_partials(codec: MusicAutoencoder, out: Path, plan: PartialsPlan, progress: Progress) -> nn.Module:
    """Train to the plan's end, going on from `out`'s snapshot. `codec`'s vocoder holds the network; returns it."""
    torch.manual_seed(plan.seed)
    vocoder: Any = codec.vocoder

    def begin(step: int, clock: Clock) -> Losses:
        clips = PartialsClips(codec, plan.seed + step, min(CLIPS, plan.steps), plan.coded)
        for _ in range(max(1, clips.size // 4)):
            clips.renew()

        def losses(step: int) -> dict[str, Tensor]:
            if step % plan.renew == 0:
                clips.renew()
            return partials_loss(vocoder.partials, clips.batch(plan.batch))

        return losses

    return descend(vocoder.partials, out, plan, Course(begin), progress, SAVE_EVERY)

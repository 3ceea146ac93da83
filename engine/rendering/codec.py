"""Samples to latents and back at any rate: resampling, the autoencoder, and latents of known audio kept by hash.

Knows sources and the autoencoder; knows no task and no schedule.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.audio.resample_for_model import resample_for_model
from engine.audio.window import Window
from engine.errors import NotFinite
from engine.families.family import Autoencoder, OnTile
from engine.memory.device import exact_convolutions, to_host
from engine.memory.main_memory import give_back
from engine.rendering.latent_cache import LatentCache
from engine.rendering.own_clips import OwnClips
from engine.rendering.source import Source
from engine.sampling.noise import to_device


@dataclass(frozen=True)
class Span:
    """Positions [start, stop) in samples at `sample_rate`, counted from the window's first sample."""

    start: int
    stop: int
    sample_rate: int


class Codec:
    """Encodes parts of sources and decodes parts of latents. `tile_frames` bounds the memory of decoding."""

    def __init__(
        self,
        autoencoder: Autoencoder,
        device: torch.device,
        tile_frames: int | None = 256,
        use: Callable[[str], None] | None = None,
        cache: LatentCache | None = None,
        encoder: str = "",
        own: OwnClips | None = None,
    ) -> None:
        """`use` is told the network that comes next, by name, so that it can be brought to the device.

        `encoder` names the weights that encode, so that a cache on disk never gives latents of other weights.
        `own` are the clips that it made.
        """
        self._autoencoder = autoencoder
        self._use = use or (lambda _: None)
        self._device = device
        self.tile_frames = tile_frames
        self._cache = LatentCache() if cache is None else cache
        self._encoder = encoder
        self.own = OwnClips(encoder) if own is None else own

    def encode(self, source: Source, start: int, stop: int) -> Tensor:
        """Latents (1, C, H, frames) float32 of the source's samples [start, stop), on the device."""
        name = hashlib.sha256(f"{self._encoder} {source.fingerprint(start, stop)}".encode()).hexdigest()
        known = self._cache.get(name)
        if known is None:
            known = to_host(self.encode_samples(source.read(start, stop), source.sample_rate))
            self._cache.put(name, known)
        return to_device(known, self._device)

    def encode_parts(self, source: Source, parts: Sequence[tuple[int, int]]) -> tuple[str, Tensor]:
        """Spans [start, stop) of a source one after another as one piece: its name by content, and its latents."""
        told = [f"{start} {stop} {source.fingerprint(start, stop)}" for start, stop in dict.fromkeys(parts)]
        name = hashlib.sha256(" ".join([self._encoder, *told, f"{len(parts)}"]).encode()).hexdigest()
        known = self._cache.get(name)
        if known is None:
            samples = np.concatenate([source.read(start, stop) for start, stop in parts], axis=1)
            known = to_host(self.encode_samples(samples, source.sample_rate))
            self._cache.put(name, known)
        return name, to_device(known, self._device)

    def forget(self) -> None:
        """Encode everything again (a benchmark wants that)."""
        self._cache.clear()
        self.own.clear()

    def encode_samples(self, samples: np.ndarray, sample_rate: int) -> Tensor:
        """Latents (1, C, H, frames) of samples (1 or 2, n); mono is duplicated, as the model was trained."""
        self._use("autoencoder")
        audio = torch.from_numpy(np.ascontiguousarray(samples))
        audio = resample_for_model(audio, sample_rate, self._autoencoder.sample_rate)
        with exact_convolutions():
            return self._autoencoder.encode(to_device(audio.expand(2, -1)[None], self._device))

    def decode(self, latents: Tensor, sample_rate: int, on_tile: OnTile | None = None) -> np.ndarray:
        """All of latents (1, C, H, T): float32 (2, n) at the rate."""
        audio = self._decode(latents, (0, latents.shape[-1]), on_tile)
        return _resampled(audio, self._autoencoder.sample_rate, sample_rate)

    def decode_span(self, latents: Tensor, span: Span, on_tile: OnTile | None = None) -> np.ndarray:
        """Samples of `span`, float32 (2, stop - start), from the frames around it only.

        The decoded part begins at a sample of the model's rate that falls on one of the other rate, so that the
        resampler's phases are those of the whole.
        """
        rate, frame = self._autoencoder.sample_rate, self._autoencoder.samples_per_frame
        common = math.gcd(rate, span.sample_rate)
        ratio_in, ratio_out = rate // common, span.sample_rate // common
        first = max(0, span.start * rate // span.sample_rate // frame - 1)
        first = max(0, first - math.ceil(ratio_in / frame) + 1)
        last_sample = -(-span.stop * rate // span.sample_rate)
        last = min(latents.shape[-1], -(-last_sample // frame) + 1)
        audio = self._decode(latents, (first, last), on_tile)
        skipped = -(first * frame) % ratio_in
        position = (first * frame + skipped) // ratio_in * ratio_out
        resampled = _resampled(audio[:, skipped:], rate, span.sample_rate)
        return resampled[:, span.start - position : span.stop - position]

    def _decode(self, latents: Tensor, frames: tuple[int, int], on_tile: OnTile | None) -> Tensor:
        self._use("autoencoder")
        tile = self.tile_frames
        give_back()  # what the sampler used is of other sizes
        made = self._autoencoder.decode(to_device(latents, self._device), tile, on_tile, frames)[0]
        return finite(made, "decode")


def finite(made: Tensor, stage: str) -> Tensor:
    """What a stage made. Raises NotFinite for NaN and infinity."""
    if not torch.isfinite(made).all():
        raise NotFinite(stage)
    return made


def _resampled(audio: Tensor, from_rate: int, to_rate: int) -> np.ndarray:
    """At the other rate; turned down as a whole where limited peaks swing over full scale between the samples."""
    with exact_convolutions():
        resampled = to_host(resample_for_model(audio, from_rate, to_rate)).numpy()
    peak = float(np.abs(resampled).max(initial=0.0))
    return resampled if peak <= 1.0 else resampled / np.float32(peak)


def pad_frames(latents: Tensor, window: Window) -> Tensor:
    """Latents of what is known, cut or padded with zeros on the right to the frames that the window counts."""
    missing = window.frames_known - latents.shape[-1]
    return torch.nn.functional.pad(latents, (0, missing))

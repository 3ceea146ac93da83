"""The Oobleck autoencoder (Stable Audio, arXiv 2407.14358): 48 kHz stereo to latents at 25 Hz and back.

Purely convolutional, so tiles that overlap by what the convolutions reach equal the whole: 9 latent frames to decode,
7 to encode at the released strides. The mean is used, never a draw: the same audio has the same latents. Weight norm is
folded into the weights when they are read. Knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15 import oobleck_rows
from engine.networks.ace_step_15.config import OobleckConfig
from engine.networks.ace_step_15.oobleck_layers import KERNEL, UNITS_REACH, Decoder, Encoder

LEAST_DEVIATION = 1e-4


class OobleckAutoencoder(nn.Module):
    """Audio to latents (B, C, 1, T) and back, whole or in tiles with the same result."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.sample_rate = config.sampling_rate
        self.samples_per_frame = config.samples_per_frame
        self.frame_rate = self.sample_rate / self.samples_per_frame
        self.encode_tile_frames: int | None = None  # for `encode` where it is given none
        self.decode_overlap = decode_overlap(config.downsampling_ratios)
        self.encode_overlap = encode_overlap(config.downsampling_ratios)

    def encode(self, audio: Tensor, tile_frames: int | None = None) -> Tensor:
        """audio float32 (B, 2, n) -> mean float32 (B, C, 1, ceil(n / hop)). Zeros fill the last frame.

        `tile_frames` latent frames are made at a time (None: `encode_tile_frames`, or all at once).
        """
        audio = F.pad(audio, (0, -audio.shape[-1] % self.samples_per_frame))
        return self.posterior(audio, tile_frames or self.encode_tile_frames)[0][:, :, None]

    def posterior(self, audio: Tensor, tile_frames: int | None = None) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the latents of whole frames: audio (B, 2, n) -> 2 x float32 (B, C, floor(n / hop))."""
        dtype, frames = self.encoder.conv1.weight.dtype, audio.shape[-1] // self.samples_per_frame
        size = tile_frames or max(frames, 1)
        if size >= frames:
            pieces = [self._encoded(audio.to(dtype))]
        else:
            pieces = [self._encode_tile(audio.to(dtype), n, min(n + size, frames)) for n in range(0, frames, size)]
        mean, scale = torch.cat(pieces, dim=-1).float().chunk(2, dim=1)
        return mean, F.softplus(scale) + LEAST_DEVIATION

    def decode(
        self,
        latents: Tensor,
        tile_frames: int | None = None,
        on_tile: Callable[[int, int], None] | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Tensor:
        """latents (B, C, 1, T) -> audio float32 (B, 2, T hop), or of frames [first, last) only.

        `tile_frames` latent frames are decoded at a time (None: all at once). `on_tile(done, total)` is called before
        each tile; what it raises stops the decode.
        """
        first, last = frames or (0, latents.shape[-1])
        size = tile_frames or max(last - first, 1)
        starts = range(first, last, size)
        pieces = []
        for index, start in enumerate(starts):
            if on_tile is not None:
                on_tile(index, len(starts))
            pieces.append(self._decode_tile(latents[:, :, 0], start, min(start + size, last)))
        return torch.cat(pieces, dim=-1) if pieces else latents.new_zeros(latents.shape[0], 2, 0)

    def _encoded(self, audio: Tensor) -> Tensor:
        over_rows = oobleck_rows.takes(self.encoder, audio)
        return oobleck_rows.encode(self.encoder, audio) if over_rows else cast(Tensor, self.encoder(audio))

    def _encode_tile(self, audio: Tensor, start: int, end: int) -> Tensor:
        """Frames start ... end-1 from the audio around them, cut at whole frames."""
        hop, reach = self.samples_per_frame, self.encode_overlap
        left = max(0, start - reach)
        latents = self._encoded(audio[..., left * hop : (end + reach) * hop])
        return latents[..., start - left : end - left]

    def _decode_tile(self, latents: Tensor, start: int, end: int) -> Tensor:
        """Audio of frames start ... end-1 from the latents around them.

        |<- overlap ->|   start ... end   |<- overlap ->|
        | thrown away | audio that is kept| thrown away |
        """
        hop, reach = self.samples_per_frame, self.decode_overlap
        left, right = max(0, start - reach), min(latents.shape[-1], end + reach)
        seen = latents[..., left:right].to(self.decoder.conv1.weight.dtype)
        over_rows = oobleck_rows.takes(self.decoder, seen)
        audio = oobleck_rows.decode(self.decoder, seen) if over_rows else self.decoder(seen)
        return cast(Tensor, audio[..., (start - left) * hop : (end - left) * hop].float())


def decode_overlap(strides: tuple[int, ...]) -> int:
    """Latent frames on each side that a decoded frame depends on: 9 at the released strides.

    From the samples of frame 0 back to the latents: each convolution widens what is needed, each transposed one of
    stride s, kernel 2 s and padding p maps output o to inputs ceil((o + p + 1) / s) - 2 ... floor((o + p) / s).
    """
    first, last = 0, math.prod(strides) - 1
    first, last = first - KERNEL // 2, last + KERNEL // 2
    for stride in strides:
        padding = math.ceil(stride / 2)
        first, last = first - UNITS_REACH, last + UNITS_REACH
        first, last = -((-first - padding - 1) // stride) - 2, (last + padding) // stride
    return max(-first, last) + KERNEL // 2


def encode_overlap(strides: tuple[int, ...]) -> int:
    """Latent frames' worth of audio on each side that a latent frame depends on: 7 at the released strides."""
    first, last = -1, 1  # the last convolution, in latent frames
    for stride in reversed(strides):
        padding = math.ceil(stride / 2)
        first, last = first * stride - padding, last * stride - padding + 2 * stride - 1
        first, last = first - UNITS_REACH, last + UNITS_REACH
    first, last = first - KERNEL // 2, last + KERNEL // 2
    hop = math.prod(strides)
    return max(math.ceil(-first / hop), math.ceil((last - hop + 1) / hop))


def fold_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """weight_g and weight_v as one weight: g v / |v|, over all but the first dimension (Salimans and Kingma, 2016)."""
    folded: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.endswith(".weight_v"):
            module = key.removesuffix(".weight_v")
            direction, length = value.float(), state[module + ".weight_g"].float()
            folded[module + ".weight"] = direction * (length / direction.flatten(1).norm(dim=1)[:, None, None])
        elif not key.endswith(".weight_g"):
            folded[key] = value
    return folded

"""Audio to normalised latents and back: log-mel, AutoencoderDC (Chen et al., 2024) and a vocoder. Knows no files.

The encoder is used in float32 whatever the decoder's dtype. Decoding in tiles is exact: the decoder's deepest levels
attend globally and run whole, on features 64 times smaller than the mel; what follows is convolution, and runs tile by
tile with the receptive field as overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.constants import FRAME_RATE, LATENT_STRIDE, MODEL_SAMPLE_RATE, SAMPLES_PER_FRAME
from engine.errors import CheckpointError
from engine.networks.beside import rows_beside
from engine.networks.config import VocoderConfig
from engine.networks.dcae import AutoencoderDC, DcaeConfig
from engine.networks.vocoder import Vocoder

LATENT_SHIFT = -1.9091
LATENT_SCALE = 0.1786
MEL_MIN = -11.0
MEL_RANGE = 14.0


class VocoderInterface(Protocol):
    """What the autoencoder asks of a vocoder; `receptive_frames` are mel frames on each side."""

    receptive_frames: int

    def encode(self, audio: Tensor) -> Tensor:
        """audio (B, n) -> log-mel (B, 128, n / 512)."""

    def decode(self, log_mel: Tensor, frames: tuple[int, int] | None = None) -> Tensor:
        """log-mel (B, 128, F) -> audio (B, F * 512), or of mel frames [first, last) only."""


class MusicAutoencoder(nn.Module):
    """44.1 kHz stereo audio to latents (B, 8, 16, T) of unit scale, T frames of 4096 samples, and back."""

    sample_rate = MODEL_SAMPLE_RATE
    samples_per_frame = SAMPLES_PER_FRAME
    frame_rate = FRAME_RATE

    def __init__(self, dcae: AutoencoderDC, vocoder: VocoderInterface) -> None:
        super().__init__()
        self.dcae = dcae
        self.vocoder: VocoderInterface = vocoder

    def encode(self, audio: Tensor) -> Tensor:
        """audio float32 (B, 2, n) at 44.1 kHz -> latents float32 (B, 8, 16, ceil(n / 4096)).

        Zeros are put to the right up to a whole frame.
        """
        audio = F.pad(audio, (0, -audio.shape[-1] % self.samples_per_frame))
        mel = self.vocoder.encode(audio.flatten(0, 1)).unflatten(0, audio.shape[:2])  # (B, 2, 128, 8 T)
        return self.encode_mel(mel)

    def encode_mel(self, log_mel: Tensor) -> Tensor:
        """log-mel (B, 2, 128, 8 T) -> latents float32 (B, 8, 16, T)."""
        raw = self.dcae.encoder(normalise_mel(log_mel.to(_dtype(self.dcae.encoder))))
        return (raw.float() - LATENT_SHIFT) * LATENT_SCALE

    def decode_mel(self, latents: Tensor) -> Tensor:
        """latents (B, 8, 16, T) -> log-mel float32 (B, 2, 128, 8 T)."""
        return self._decode_local(self._decode_deep(latents))

    def decode(
        self,
        latents: Tensor,
        tile_frames: int | None = None,
        on_tile: Callable[[int, int], None] | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Tensor:
        """latents (B, 8, 16, T) -> audio float32 (B, 2, T * 4096), or of frames [first, last) only.

        `tile_frames` latent frames are decoded at a time (None: all at once), with the same result to rounding.
        `on_tile(done, total)` is called before each tile; what it raises stops the decode.
        """
        first, last = frames or (0, latents.shape[-1])
        size = tile_frames or last - first
        features = self._decode_deep(latents)
        starts = range(first, last, size)
        pieces = []
        for index, start in enumerate(starts):
            if on_tile is not None:
                on_tile(index, len(starts))
            pieces.append(self._decode_tile(features, start, min(start + size, last)))
        return torch.cat(pieces, dim=-1)

    def _decode_tile(self, features: Tensor, start: int, end: int) -> Tensor:
        """Audio of latent frames start ... end-1, from the features around them.

        |<- overlap ->|<- vocoder ->|      start ... end      |<- vocoder ->|<- overlap ->|
        | decoder only| mel         | audio that is kept      | mel         | decoder only|
        """
        total = features.shape[2] // self._feature_scale
        reach = math.ceil(self.vocoder.receptive_frames / LATENT_STRIDE)
        mel_start, mel_end = max(0, start - reach), min(total, end + reach)
        mel = self._mel_window(features, mel_start, mel_end)
        wanted = (start - mel_start) * LATENT_STRIDE, (end - mel_start) * LATENT_STRIDE
        decode = partial(self.vocoder.decode, frames=wanted)
        return rows_beside(decode, mel.flatten(0, 1)).unflatten(0, mel.shape[:2])

    def _mel_window(self, features: Tensor, start: int, end: int) -> Tensor:
        scale, reach = self._feature_scale, self._local_reach
        left, right = max(0, start - reach), min(features.shape[2] // scale, end + reach)
        mel = self._decode_local(features[:, :, left * scale : right * scale])
        return mel[..., (start - left) * LATENT_STRIDE : (end - left) * LATENT_STRIDE]

    def _decode_deep(self, latents: Tensor) -> Tensor:
        """Features (B, H, columns, C) after the levels that attend globally."""
        decoder = self.dcae.decoder
        return decoder.deep((latents / LATENT_SCALE + LATENT_SHIFT).to(_dtype(decoder)))

    def _decode_local(self, features: Tensor) -> Tensor:
        return denormalise_mel(self.dcae.decoder.local(features).float())

    @property
    def _feature_scale(self) -> int:
        """Columns of features for each latent frame."""
        config = self.dcae.config
        return 2 ** max(0, len(config.decoder_layers_per_block) - 1 - config.local_levels)

    @property
    def _local_reach(self) -> int:
        """Latent frames on each side that the convolutions after the features can see."""
        config = self.dcae.config
        depths, count = config.decoder_layers_per_block, len(config.decoder_layers_per_block)
        columns = [(2 * depths[level] + 2) / 2 ** (count - 1 - level) for level in range(config.local_levels)]
        return math.ceil(sum(columns) + 1 / LATENT_STRIDE)


def build_autoencoder_dc(config: Mapping[str, Any]) -> AutoencoderDC:
    """The AutoencoderDC of a parsed `music_dcae_f8c8/config.json`."""
    return AutoencoderDC(DcaeConfig.from_dict(config))


def build_vocoder(config: Mapping[str, Any]) -> VocoderInterface:
    """The vocoder that a parsed `music_vocoder/config.json` names. Raises CheckpointError for an unknown class."""
    name = config.get("_class_name")
    if name == "ADaMoSHiFiGANV1":
        return Vocoder(VocoderConfig.from_dict(config))
    if name == "SpectralInversionVocoder":
        from engine.networks.spectral_inversion import SpectralInversionVocoder

        return SpectralInversionVocoder(dict(config))
    raise CheckpointError(
        f"music_vocoder/config.json: got _class_name {name!r}, expected 'ADaMoSHiFiGANV1' or "
        "'SpectralInversionVocoder'. Use an ACE-Step v1 checkpoint."
    )


def normalise_mel(log_mel: Tensor) -> Tensor:
    """Log-mel to the range that the autoencoder was trained on (about -1 ... 1); nothing is clipped."""
    return ((log_mel - MEL_MIN) / MEL_RANGE - 0.5) / 0.5


def denormalise_mel(x: Tensor) -> Tensor:
    """Inverse of `normalise_mel`."""
    return (x * 0.5 + 0.5) * MEL_RANGE + MEL_MIN


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype

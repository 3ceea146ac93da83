"""What v1's networks take in memory: of weights, and of activations, as measured. Knows no task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.checkpoints.int8 import bytes_when_rounded
from engine.memory.placement import module_bytes
from engine.memory.plan import MemoryMode, Work
from engine.networks.vocoder import Vocoder

if TYPE_CHECKING:
    from engine.checkpoints.networks import Networks

ACTIVATION_COPIES = 5.0  # of (rows, frames, width) in the transformer; measured by `python -m tests.bench memory`
CONTEXT_COPIES = 1.7  # of keys and values, while they are made
DEEP_COPIES = 24.0  # of the decoder's deepest level, which runs whole
LOCAL_COPIES = 8.0  # of its widest level, which runs in tiles
VOCODER_COPIES, INVERSION_COPIES = 8.0, 12.0  # of a tile's audio, in v1's vocoder and in spectral inversion
ENCODE_COPIES = 10.0
TILE_OVERLAP_FRAMES = 24
FRAME_AREA = 1024  # positions of the mel picture in one latent frame
LATENT_AREA = 16
AUDIO_BYTES = 2 * 4096 * 4  # of stereo float32 in one latent frame


@dataclass(frozen=True)
class V1Sizes:
    """Bytes of each network's weights as they are, and with linear layers in 8 bits; and the sizes of the networks.

    `audio_copies`: what the vocoder needs, in copies of the audio that it makes.
    """

    weights: dict[str, int]
    weights_int8: dict[str, int]
    layers: int
    width: int
    mlp_ratio: float
    local_channels: int
    deep_channels: int
    item_bytes: int
    shared: bool = True
    audio_copies: float = VOCODER_COPIES

    def of_weights(self, mode: MemoryMode) -> dict[str, int]:
        """Bytes of each network in a mode."""
        return self.weights_int8 if mode.int8 else self.weights

    def of_stages(self, work: Work, mode: MemoryMode) -> dict[str, float]:
        """What each network needs beside its weights while it is at work."""
        rows = min(work.items, mode.items_at_once) * work.passes
        item = self.item_bytes
        activations = rows * work.frames * self.width * (1 + 2 * self.mlp_ratio) * item * ACTIVATION_COPIES
        context = rows * self.layers * work.tokens * 2 * self.width * item * CONTEXT_COPIES
        tile = min(work.frames, mode.tile_frames + TILE_OVERLAP_FRAMES)
        decoding = tile * (FRAME_AREA * self.local_channels * item * LOCAL_COPIES + AUDIO_BYTES * self.audio_copies)
        decoding += work.frames * LATENT_AREA * self.deep_channels * item * DEEP_COPIES
        encoding = work.encoded_frames * FRAME_AREA * self.local_channels * 4 * ENCODE_COPIES
        return {"transformer": activations + context, "autoencoder": max(decoding, encoding), "text_encoder": 0.0}


def sizes_of(networks: Networks) -> V1Sizes:
    """What a loaded model takes."""
    parts, config = networks.modules, networks.config
    channels = networks.autoencoder.dcae.config.decoder_block_out_channels
    return V1Sizes(
        weights={name: module_bytes(module) for name, module in parts.items()},
        weights_int8={name: bytes_when_rounded(module) for name, module in parts.items()},
        layers=config.num_layers,
        width=config.inner_dim,
        mlp_ratio=config.mlp_ratio,
        local_channels=channels[0],
        deep_channels=channels[-1],
        item_bytes=torch.empty(0, dtype=networks.dtype).element_size(),
        shared=networks.device.type != "cuda",
        audio_copies=VOCODER_COPIES if isinstance(networks.autoencoder.vocoder, Vocoder) else INVERSION_COPIES,
    )

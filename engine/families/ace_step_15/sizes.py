"""What ACE-Step 1.5's networks take in memory: of weights, and of activations. Knows no task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.checkpoints.int8 import bytes_when_rounded
from engine.memory.placement import module_bytes
from engine.memory.plan import MemoryMode, Work
from engine.networks.ace_step_15.config import OobleckConfig, TransformerConfig

if TYPE_CHECKING:
    from engine.checkpoints.ace_step_15.parts import Networks

ACTIVATION_COPIES = 1.5  # of what a block makes of its tokens
CODEC_COPIES = 6.0  # of a tile at its widest level, which is the one next to the audio
OVERLAP_FRAMES = 18
LONGEST_TEXT = 2048 + 256


@dataclass(frozen=True)
class AceStep15Sizes:
    """Bytes of each network's weights as they are, and with linear layers in 8 bits; and the sizes of the networks."""

    weights: dict[str, int]
    weights_int8: dict[str, int]
    transformer: TransformerConfig
    autoencoder: OobleckConfig
    item_bytes: int
    shared: bool = True

    def of_weights(self, mode: MemoryMode) -> dict[str, int]:
        """Bytes of each network in a mode."""
        return self.weights_int8 if mode.int8 else self.weights

    def of_stages(self, work: Work, mode: MemoryMode) -> dict[str, float]:
        """What each network needs beside its weights while it is at work."""
        rows, blocks = min(work.items, mode.items_at_once) * work.passes, self.transformer.blocks
        tokens = -(-work.frames // self.transformer.patch_size)
        wide = 2 * blocks.hidden_size + 3 * blocks.intermediate_size + 4 * blocks.attention_width
        keys = blocks.num_key_value_heads * blocks.head_dim
        context = len(blocks.windows) * min(work.tokens, LONGEST_TEXT) * 2 * keys
        tile = min(max(work.frames, work.encoded_frames), mode.tile_frames) + OVERLAP_FRAMES
        audio = tile * self.autoencoder.samples_per_frame * self.autoencoder.decoder_channels
        return {
            "transformer": float(self.item_bytes * (rows * tokens * wide * ACTIVATION_COPIES + context)),
            "autoencoder": audio * 4 * CODEC_COPIES,
            "conditions": LONGEST_TEXT * wide * self.item_bytes * ACTIVATION_COPIES,
            "text_encoder": 0.0,
            "audio_tokens": 0.0,
        }


def sizes_of(networks: Networks) -> AceStep15Sizes:
    """What a loaded model takes."""
    modules = networks.modules
    return AceStep15Sizes(
        weights={name: module_bytes(module) for name, module in modules.items()},
        weights_int8={name: bytes_when_rounded(module) for name, module in modules.items()},
        transformer=networks.config,
        autoencoder=networks.autoencoder.config,
        item_bytes=torch.empty(0, dtype=networks.dtype).element_size(),
        shared=networks.device.type != "cuda",
    )

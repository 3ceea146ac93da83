"""What a checkpoint of ACE-Step 1.5 will take in memory, told from its headers alone: nothing is loaded."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.checkpoints.ace_step_15.keys import (
    AUTOENCODER,
    CONDITIONS,
    DETOKENIZER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
)
from engine.checkpoints.ace_step_15.layouts import find_parts
from engine.checkpoints.ace_step_15.parts import EMPTY_PARTS, MODULE_NAMES
from engine.checkpoints.int8 import bytes_when_rounded
from engine.families.ace_step_15.sizes import AceStep15Sizes
from engine.memory.placement import module_bytes
from engine.networks.ace_step_15.config import OobleckConfig, TransformerConfig

PARTS = (TRANSFORMER, CONDITIONS, TOKENIZER, DETOKENIZER, AUTOENCODER, TEXT_ENCODER)


def sizes_of_checkpoint(checkpoint: Path, device: torch.device, dtype: torch.dtype) -> AceStep15Sizes:
    """The sizes that a checkpoint will have when it is loaded. Raises CheckpointError."""
    parts = find_parts(checkpoint).parts
    weights, rounded = (dict.fromkeys(MODULE_NAMES.values(), 0) for _ in range(2))
    for name in PARTS:
        if name in parts:
            module = EMPTY_PARTS[name](parts[name]).to(dtype)
            if name == AUTOENCODER:
                module.encoder.to(torch.float32)
                module.decoder.to(torch.float32 if device.type == "cpu" else dtype)
            weights[MODULE_NAMES[name]] += module_bytes(module)
            rounded[MODULE_NAMES[name]] += bytes_when_rounded(module)
    return AceStep15Sizes(
        weights=weights,
        weights_int8=rounded,
        transformer=TransformerConfig.read(parts[TRANSFORMER].config, parts[TRANSFORMER].where),
        autoencoder=OobleckConfig.read(parts[AUTOENCODER].config, parts[AUTOENCODER].where),
        item_bytes=torch.empty(0, dtype=dtype).element_size(),
        shared=device.type != "cuda",
    )

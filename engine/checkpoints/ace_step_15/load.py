"""`load_networks`: an ACE-Step 1.5 checkpoint of any layout to networks on a device. Knows no names of models."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.checkpoints.ace_step_15.layouts import find_parts
from engine.checkpoints.ace_step_15.parts import Networks, make_networks
from engine.checkpoints.networks import Target


def load_networks(
    source: Path | str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    int8: bool = False,
    codec: torch.dtype | None = None,
) -> Networks:
    """Read a checkpoint. Weights are cast to `dtype`, with `int8` those of the blocks to 8 bits; the autoencoder's
    encoder and the silence latent stay float32, its decoder is of `codec` (None: `dtype`).

    Raises CheckpointError naming what is missing, unknown or wrong.
    """
    checkpoint = find_parts(Path(source))
    target = Target(torch.device(device), dtype, int8, copy=int8, codec=codec)
    return make_networks(checkpoint.parts, checkpoint.tokenizer, checkpoint.silence, checkpoint.source, target)

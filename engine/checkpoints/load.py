"""`load_networks`: a checkpoint folder or single file to networks on a device. Knows no names of models."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.checkpoints.folder import load_folder
from engine.checkpoints.networks import Networks, Target
from engine.checkpoints.single_file import load_single_file


def load_networks(
    source: Path | str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    int8: bool = False,
) -> Networks:
    """Read a checkpoint in the released layout (a folder) or ComfyUI's (one .safetensors file).

    Weights are cast to `dtype`, with `int8` those of linear layers to 8 bits; the audio-to-latent side stays
    float32. Raises CheckpointError naming what is
    missing, unknown or of a wrong shape.
    """
    source, target = Path(source), Target(torch.device(device), dtype, int8, copy=int8)
    return load_single_file(source, target) if source.is_file() else load_folder(source, target)

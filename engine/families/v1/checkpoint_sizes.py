"""What a checkpoint will take in memory, told from its headers alone: nothing is loaded. Knows v1's files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from engine.checkpoints.folder import WEIGHT_FILES, read_config
from engine.checkpoints.int8 import is_rounded
from engine.checkpoints.keys import TEXT_EMBEDDINGS, is_dead
from engine.checkpoints.networks import AUTOENCODER, PARTS, TEXT_ENCODER, TRANSFORMER, VOCODER
from engine.checkpoints.single_file import PREFIXES, released_configs
from engine.checkpoints.weights import TensorFile
from engine.families.v1.sizes import INVERSION_COPIES, VOCODER_COPIES, V1Sizes

NETWORKS = {
    TRANSFORMER: "transformer",
    AUTOENCODER: "autoencoder",
    VOCODER: "autoencoder",
    TEXT_ENCODER: "text_encoder",
}
V1_VOCODER = "ADaMoSHiFiGANV1"


def sizes_of_checkpoint(folder: Path, device: torch.device, dtype: torch.dtype) -> V1Sizes:
    """The sizes that a checkpoint folder or single file will have when it is loaded. Raises CheckpointError."""
    configs = released_configs() if folder.is_file() else _configs(folder)
    item = torch.empty(0, dtype=dtype).element_size()
    weights, rounded = (dict.fromkeys(NETWORKS.values(), 0) for _ in range(2))
    for part, key, shape in _shapes(folder):
        if (part == TRANSFORMER and is_dead(key)) or (part == TEXT_ENCODER and key == TEXT_EMBEDDINGS[1]):
            continue
        exact = part == AUTOENCODER and key.startswith("encoder.")
        size = math.prod(shape) * (4 if exact else item)
        weights[NETWORKS[part]] += size
        rounded[NETWORKS[part]] += math.prod(shape) + 4 * shape[0] if is_rounded(key) else size
    transformer, channels = configs[TRANSFORMER], configs[AUTOENCODER]["decoder_block_out_channels"]
    return V1Sizes(
        weights=weights,
        weights_int8=rounded,
        layers=transformer["num_layers"],
        width=transformer["inner_dim"],
        mlp_ratio=transformer.get("mlp_ratio", 2.5),
        local_channels=channels[0],
        deep_channels=channels[-1],
        item_bytes=item,
        shared=device.type != "cuda",
        audio_copies=VOCODER_COPIES if configs[VOCODER]["_class_name"] == V1_VOCODER else INVERSION_COPIES,
    )


def _configs(folder: Path) -> dict[str, dict[str, Any]]:
    return {part: read_config(folder / part / "config.json") for part in (TRANSFORMER, AUTOENCODER, VOCODER)}


def _shapes(folder: Path) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Network, key and shape of every weight."""
    if folder.is_file():
        for key, shape in TensorFile(folder).shapes().items():
            parts = [(part, prefix) for part, some in PREFIXES.items() for prefix in some if key.startswith(prefix)]
            if parts:
                yield parts[0][0], key.removeprefix(parts[0][1]), shape
        return
    for part in PARTS:
        path = folder / part / WEIGHT_FILES[part]
        if path.is_file():
            for key, shape in TensorFile(path).shapes().items():
                yield part, key, shape

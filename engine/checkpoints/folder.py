"""Checkpoint folders in the released layout: four folders, each with config.json and safetensors. Knows no registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.checkpoints.json_object import read_json
from engine.checkpoints.networks import (
    AUTOENCODER,
    PARTS,
    TEXT_ENCODER,
    TRANSFORMER,
    VOCODER,
    Networks,
    Part,
    Target,
    make_networks,
    vocoder_has_weights,
)
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WEIGHT_FILES = {
    TRANSFORMER: "diffusion_pytorch_model.safetensors",
    AUTOENCODER: "diffusion_pytorch_model.safetensors",
    VOCODER: "diffusion_pytorch_model.safetensors",
    TEXT_ENCODER: "model.safetensors",
}
REMEDY = "Get the whole checkpoint with `acestep-bridge models pull ace-step-v1`, or name a complete folder."


def load_folder(folder: Path, target: Target) -> Networks:
    """Read a checkpoint folder. Raises CheckpointError naming what is missing, unknown or of a wrong shape."""
    check_complete(folder)
    parts = {name: read_part(folder, name) for name in PARTS}
    return make_networks(parts, read_tokenizer(folder / TEXT_ENCODER / "tokenizer.json"), folder, target)


def missing_files(folder: Path) -> list[str]:
    """Files of the released layout that the folder lacks, as paths relative to it."""
    wanted = [Path(part, "config.json") for part in PARTS]
    wanted += [Path(part, name) for part, name in WEIGHT_FILES.items() if _needs_weights(folder, part)]
    wanted.append(Path(TEXT_ENCODER, "tokenizer.json"))
    return [path.as_posix() for path in wanted if not (folder / path).is_file()]


def check_complete(folder: Path) -> None:
    """Raise CheckpointError naming the folder or the files that are missing."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such checkpoint folder. {REMEDY}")
    missing = missing_files(folder)
    if missing:
        raise CheckpointError(f"{folder}: missing {', '.join(missing)}. {REMEDY}")


def read_part(folder: Path, name: str) -> Part:
    """One network's config.json and weights; a part without weights (a spectral vocoder) has none."""
    path = folder / name / WEIGHT_FILES[name]
    weights = TensorFile(path) if path.is_file() else {}
    return Part(read_config(folder / name / "config.json"), weights, os.fspath(path))


def read_config(path: Path) -> dict[str, Any]:
    """Parse one config.json. Raises CheckpointError."""
    return read_json(path, REMEDY)


def read_tokenizer(path: Path, remedy: str = REMEDY) -> Tokenizer:
    """A fast tokenizer from its tokenizer.json."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(os.fspath(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise CheckpointError(f"{path}: cannot be read as a tokenizer ({error}). {remedy}") from error


def _needs_weights(folder: Path, part: str) -> bool:
    config = folder / part / "config.json"
    if part != VOCODER or not config.is_file():
        return True
    return vocoder_has_weights(read_config(config))

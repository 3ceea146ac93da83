"""Where ACE-Step 1.5's checkpoints lie, told without reading weights: layouts, configs, headers. Knows no torch."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

from engine.checkpoints.json_object import read_json
from engine.errors import CheckpointError

WEIGHT_NAMES = ("diffusion_pytorch_model.safetensors", "model.safetensors")
INDEX = ".index.json"
SHARED_15 = "ace-step-1.5-shared"  # among pulled models: text encoder and autoencoder of all of them
TRANSFORMER_FOLDER, CONDITIONS_FOLDER = "transformer", "condition_encoder"
# what tells diffusers' layout, also where a download was cut
_DIFFUSERS_CLASSES = {
    "model_index.json": "AceStepPipeline",
    f"{TRANSFORMER_FOLDER}/config.json": "AceStepTransformer1DModel",
    f"{CONDITIONS_FOLDER}/config.json": "AceStepConditionEncoder",
}
COMFY_MARK = "decoder.layers.0.cross_attn.q_norm.weight"
LARGEST_HEADER = 100_000_000
REMEDY = "Download the checkpoint again, or name a complete folder."


def is_ace_step_15(source: Path) -> bool:
    """Whether a folder or file looks like a checkpoint of this model, in any layout."""
    if source.is_file():
        return is_comfy_file(source)
    return is_diffusers(source) or bool(original_folders(source)) or bool(comfy_files(source))


def is_diffusers(folder: Path) -> bool:
    """Whether a folder is of diffusers' layout, whole or not."""
    parts = (TRANSFORMER_FOLDER, CONDITIONS_FOLDER)
    whole = all((folder / part / "config.json").is_file() for part in parts)
    return whole or any(_class_in(folder / file) == name for file, name in _DIFFUSERS_CLASSES.items())


def _class_in(path: Path) -> Any:
    try:
        return read_json(path, REMEDY).get("_class_name") if path.is_file() else None
    except CheckpointError:
        return None


def original_folders(folder: Path) -> list[Path]:
    """Folders of the original layout: this one, or those in it (the main repository)."""
    if _is_original(folder):
        return [folder]
    return [path for path in sorted(folder.glob("*")) if path.is_dir() and _is_original(path)]


def comfy_files(folder: Path) -> list[Path]:
    """Checkpoints in a folder of ComfyUI's split files."""
    places = (folder / "split_files" / "diffusion_models", folder / "diffusion_models")
    return [path for place in places for path in sorted(place.glob("*.safetensors")) if is_comfy_file(path)]


def the_only(paths: list[Path], where: Path) -> Path | None:
    """The only one of several checkpoints, None where there is none. Raises CheckpointError where there are more."""
    if len(paths) > 1:
        raise CheckpointError(f"{where}: holds {', '.join(path.name for path in paths)}. Name one of these.")
    return paths[0] if paths else None


def is_comfy_file(path: Path) -> bool:
    """Whether a safetensors file holds the original layout's keys, as ComfyUI's files in `diffusion_models/` do."""
    if path.suffix != ".safetensors":
        return False
    try:
        return COMFY_MARK in read_header(path)
    except CheckpointError:
        return False


def find_weights(folder: Path) -> Path | None:
    """The weights file of a folder, or the index of its shards; None where there is neither."""
    for name in WEIGHT_NAMES:
        for path in (folder / name, folder / (name + INDEX)):
            if path.is_file():
                return path
    return None


def read_header(path: Path) -> dict[str, Any]:
    """A safetensors file's header: name -> dtype, shape, place. Raises CheckpointError where it is none."""
    try:
        stat = path.stat()
        return _header(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError, struct.error, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read as safetensors ({error}). {REMEDY}") from error


@cache
def _header(path: Path, _changed: int, size: int) -> dict[str, Any]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size, LARGEST_HEADER):
            raise ValueError("no safetensors header")
        header: Any = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("no safetensors header")
    header.pop("__metadata__", None)
    if not all(isinstance(entry, dict) and _is_shape(entry.get("shape")) for entry in header.values()):
        raise ValueError("a tensor without a shape")
    return header


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)


def _is_shard(name: Any) -> bool:
    return isinstance(name, str) and Path(name).name == name and not name.endswith(INDEX)


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Every tensor's shape in a file, or in the shards of an index."""
    if not path.name.endswith(INDEX):
        return {key: tuple(entry["shape"]) for key, entry in read_header(path).items()}
    homes = read_json(path, REMEDY).get("weight_map")
    if not isinstance(homes, dict) or not all(_is_shard(name) for name in homes.values()):
        raise CheckpointError(f"{path}: expected a weight_map of files beside it. {REMEDY}")
    names = sorted(set(homes.values()))
    return {key: shape for name in names for key, shape in shapes_of(path.parent / name).items()}


def _is_original(folder: Path) -> bool:
    config = folder / "config.json"
    if not config.is_file() or find_weights(folder) is None:
        return False
    raw = read_json(config, REMEDY)
    return "timbre_hidden_dim" in raw and "num_lyric_encoder_hidden_layers" in raw

"""Files of ACE-Step 1.5's checkpoints: safetensors in one piece or in shards, the silence latent. Knows no layout."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.ace_step_15.places import INDEX, WEIGHT_NAMES, find_weights
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError

SILENCE_NAMES = ("silence_latent.pt", "silence_latent.safetensors")
REMEDY = "Download the checkpoint again, or name a complete folder."


class ShardedFile(Mapping[str, Tensor]):
    """Several safetensors files as one mapping, as their index says. Tensors are read when they are asked for."""

    def __init__(self, index: Path) -> None:
        self._homes = _read_index(index)
        missing = sorted({name for name in self._homes.values() if not (index.parent / name).is_file()})
        if missing:
            raise CheckpointError(f"{index.parent}: missing {', '.join(missing)}, which {index.name} names. {REMEDY}")
        self._files = {name: TensorFile(index.parent / name) for name in sorted(set(self._homes.values()))}
        for key, name in self._homes.items():
            if key not in self._files[name]:
                raise CheckpointError(
                    f"{index.parent / name}: {key} is not in it, though {index.name} says so. {REMEDY}"
                )

    def __getitem__(self, key: str) -> Tensor:
        return self._files[self._homes[key]][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, from the headers alone."""
        return {key: shape for file in self._files.values() for key, shape in file.shapes().items() if key in self}


Weights = TensorFile | ShardedFile


def open_weights(folder: Path) -> Weights:
    """The weights of a folder. Raises CheckpointError where there are none, or where a shard is missing."""
    path = find_weights(folder)
    if path is None:
        names = ", ".join((*WEIGHT_NAMES, *(name + INDEX for name in WEIGHT_NAMES)))
        raise CheckpointError(f"{folder}: no weights, expected one of {names}. {REMEDY}")
    return ShardedFile(path) if path.name.endswith(INDEX) else TensorFile(path)


def read_silence(path: Path) -> Tensor:
    """The silence latent of a file. A `.pt` is a pickle: read as a tensor and nothing else, so no code of it runs."""
    if path.suffix == ".safetensors":
        file = TensorFile(path)
        if len(file) != 1:
            raise CheckpointError(f"{path}: got {len(file)} tensors, expected the silence latent alone. {REMEDY}")
        return file[next(iter(file))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the protocols of strange pickles, which are refused next
            value = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: cannot be read as one tensor ({type(error).__name__}). {REMEDY}") from error
    if not isinstance(value, Tensor):
        raise CheckpointError(f"{path}: got {type(value).__name__}, expected a tensor. {REMEDY}")
    return value


def find_silence(folders: list[Path]) -> Path | None:
    """The first file of a silence latent in these folders."""
    places = [folder / name for folder in folders for name in SILENCE_NAMES]
    return next((path for path in places if path.is_file()), None)


def _read_index(path: Path) -> dict[str, str]:
    try:
        homes = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        names = {str(key): str(name) for key, name in homes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read as an index of shards ({error!r}). {REMEDY}") from error
    outside = sorted(name for name in names.values() if Path(name).name != name)
    if outside:
        raise CheckpointError(f"{path}: names {outside[0]!r}, expected files beside it. {REMEDY}")
    return names

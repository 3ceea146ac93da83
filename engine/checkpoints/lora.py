"""LoRAs of the transformer (Hu et al., 2021): applied to the weights, exchanged and removed without reloading the base.

v1 applies W + weight * B A; the rank, alpha and rslora of the training are ignored by the reference, so they are here.
The touched base weights are kept in main memory, so that removing restores them bit by bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.checkpoints.int8 import as_float, is_int8, to_int8
from engine.checkpoints.keys import is_dead
from engine.checkpoints.lora_files import LORA_FILE
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError

PREFIXES = ("base_model.model.", "transformer.")
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA's folder or safetensors file and the weight it is applied with."""

    path: Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class LowRank:
    """One module's change: `up` (out, r) times `down` (r, in)."""

    down: Tensor
    up: Tensor


class LoraSet:
    """The LoRAs of one transformer. `apply` replaces all that were active; `clear` restores the base."""

    def __init__(self, transformer: nn.Module, read: Callable[[Path], Mapping[str, LowRank]] | None = None) -> None:
        """`read` is how a family's LoRAs are read; None: as v1's."""
        self._transformer = transformer
        self._read = read or read_lora
        self._base: dict[str, Tensor] = {}
        self._active: tuple[Lora, ...] = ()

    @property
    def active(self) -> tuple[Lora, ...]:
        """What is applied now."""
        return self._active

    def apply(self, loras: Sequence[Lora]) -> None:
        """Make exactly these LoRAs active. On CheckpointError nothing has changed."""
        loras = tuple(lora for lora in loras if lora.weight != 0)
        if loras == self._active:
            return
        changes = self._changes(loras)
        self.clear()
        with torch.inference_mode(False), torch.no_grad():
            for name, parts in changes.items():
                self._change(name, parts)
        self._active = loras

    def clear(self) -> None:
        """Restore the base weights, bit by bit."""
        with torch.inference_mode(False), torch.no_grad():
            for name, base in self._base.items():
                self._transformer.get_parameter(name).copy_(base)
        self._base.clear()
        self._active = ()

    def _changes(self, loras: Sequence[Lora]) -> dict[str, list[tuple[float, LowRank]]]:
        changes: dict[str, list[tuple[float, LowRank]]] = defaultdict(list)
        for lora in loras:
            for module, low_rank in self._read(lora.path).items():
                if is_dead(module + ".weight"):
                    continue
                self._check(module, low_rank, lora.path)
                changes[module + ".weight"].append((lora.weight, low_rank))
        return changes

    def _check(self, module: str, low_rank: LowRank, path: Path) -> None:
        parameters = dict(self._transformer.named_parameters())
        weight = parameters.get(module + ".weight")
        got = (low_rank.up.shape[0], low_rank.down.shape[1])
        if weight is None or got != tuple(weight.shape) or low_rank.up.shape[1] != low_rank.down.shape[0]:
            expected = "no such module" if weight is None else f"shape {tuple(weight.shape)}"
            raise CheckpointError(
                f"LoRA {path}: {module} changes a weight of shape {got}, the model has {expected}. "
                "Use a LoRA that was trained for this model."
            )

    def _change(self, name: str, parts: list[tuple[float, LowRank]]) -> None:
        parameter = self._transformer.get_parameter(name)
        self._base[name] = parameter.detach().clone().to("cpu")
        total = as_float(parameter)
        for weight, low_rank in parts:
            up, down = (t.to(parameter.device, torch.float32) for t in (low_rank.up, low_rank.down))
            total = total + weight * (up @ down)
        parameter.copy_(to_int8(total.to(parameter.dtype)) if is_int8(parameter) else total)


def read_lora(path: Path) -> dict[str, LowRank]:
    """A LoRA's changes by module name. Raises CheckpointError naming a missing file or an unknown key."""
    file = path / LORA_FILE if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(f"LoRA {path}: no such file, or a folder without {LORA_FILE}. Check the path.")
    tensors = {_plain(key): value for key, value in TensorFile(file).items()}
    modules = {key.removesuffix(end) for key in tensors for end in (DOWN, UP) if key.endswith(end)}
    _check_pairs(tensors, modules, path)
    return {module: LowRank(tensors[module + DOWN], tensors[module + UP]) for module in sorted(modules)}


def _plain(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key


def _check_pairs(tensors: Mapping[str, Tensor], modules: set[str], path: Path) -> None:
    unknown = sorted(set(tensors) - {module + end for module in modules for end in (DOWN, UP)})
    single = sorted(m for m in modules if m + DOWN not in tensors or m + UP not in tensors)
    if unknown or single or not modules:
        raise CheckpointError(
            f"LoRA {path}: unknown keys {unknown[:5] or 'none'}, modules without a pair {single[:5] or 'none'}. "
            "Expected keys <module>.lora_A.weight and <module>.lora_B.weight of an ACE-Step v1 LoRA."
        )

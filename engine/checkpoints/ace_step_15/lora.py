"""LoRAs of ACE-Step 1.5's transformer: PEFT's folders and single files, with the scale that they were trained with.

A PEFT folder's `adapter_config.json` gives alpha: the change is weight * alpha / r * B A, with rank-stabilised LoRA
alpha / sqrt(r). Single files have `.alpha` tensors, or none: then the scale is 1. Knows no networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.checkpoints.ace_step_15.keys import from_diffusers
from engine.checkpoints.json_object import read_json
from engine.checkpoints.lora import LowRank
from engine.checkpoints.lora_files import LORA_FILE, PEFT_FILES
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError

CONFIG = "adapter_config.json"
FILES = (PEFT_FILES[0], LORA_FILE)
PREFIXES = ("base_model.model.", "diffusion_model.", "transformer.", "model.", "decoder.")
DOWN = (".lora_A.weight", ".lora_A.default.weight", ".lora_down.weight")
UP = (".lora_B.weight", ".lora_B.default.weight", ".lora_up.weight")
ALPHA = ".alpha"
OTHER_KINDS = {"lokr_": "LoKr", "hada_": "LoHa", "lora_magnitude_vector": "DoRA", "dora_scale": "DoRA"}


def read_lora(path: Path) -> dict[str, LowRank]:
    """A LoRA's changes by module name, scaled. Raises CheckpointError for other adapters, unknown and single keys."""
    file = next((path / name for name in FILES if (path / name).is_file()), path)
    if not file.is_file():
        raise CheckpointError(f"LoRA {path}: no such file, or a folder without {' or '.join(FILES)}. Check the path.")
    tensors = TensorFile(file)
    _check_kind(tensors, path)
    config = _config(file.parent / CONFIG) if path.is_dir() else {}
    downs, ups, alphas = (_by_module(tensors, ends) for ends in (DOWN, UP, (ALPHA,)))
    unknown = sorted(key for key in tensors if not key.endswith((*DOWN, *UP, ALPHA)))
    single = sorted(set(downs) ^ set(ups)) + sorted(set(alphas) - set(downs))
    if unknown or single or not downs:
        raise CheckpointError(
            f"LoRA {path}: unknown keys {unknown[:5] or 'none'}, modules without a pair {single[:5] or 'none'}. "
            "Expected <module>.lora_A.weight and .lora_B.weight, or .lora_down.weight and .lora_up.weight, of a LoRA "
            "of ACE-Step 1.5."
        )
    return {name: _scaled(downs[name], ups[name], alphas.get(name), config, name) for name in sorted(downs)}


def _check_kind(keys: Mapping[str, Tensor], path: Path) -> None:
    for mark, kind in OTHER_KINDS.items():
        if any(mark in key for key in keys):
            raise CheckpointError(
                f"LoRA {path}: got a {kind} adapter, expected a LoRA. Train or convert it to a LoRA; {kind} is not "
                "applied."
            )


def _by_module(tensors: Mapping[str, Tensor], ends: tuple[str, ...]) -> dict[str, Tensor]:
    return {_plain(key.removesuffix(end)): tensors[key] for key in tensors for end in ends if key.endswith(end)}


def _plain(module: str) -> str:
    """The module's name in our transformer."""
    changed = True
    while changed:
        changed = False
        for prefix in PREFIXES:
            if module.startswith(prefix):
                module, changed = module.removeprefix(prefix), True
    return from_diffusers(module + ".").removesuffix(".")


def _scaled(down: Tensor, up: Tensor, alpha: Tensor | None, config: Mapping[str, Any], name: str) -> LowRank:
    """The pair with its scale in the second matrix."""
    rank = down.shape[0]
    given = _pattern(config.get("alpha_pattern"), name, config.get("lora_alpha")) if alpha is None else float(alpha)
    if given is None:
        return LowRank(down, up)
    scale = float(given) / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return LowRank(down, up.float() * scale)


def _pattern(patterns: Any, name: str, default: Any) -> Any:
    """PEFT's value for a module: that of the pattern which ends its name, else the common one."""
    for pattern, value in (patterns or {}).items():
        if name == pattern or name.endswith("." + pattern):
            return value
    return default


def _config(path: Path) -> dict[str, Any]:
    config = read_json(path, "Get the LoRA again, or give another.") if path.is_file() else {}
    if config.get("peft_type", "LORA") != "LORA" or config.get("use_dora"):
        kind = "DoRA" if config.get("use_dora") else config["peft_type"]
        raise CheckpointError(f"{path}: got an adapter of type {kind}, expected LORA. It is not applied.")
    return config

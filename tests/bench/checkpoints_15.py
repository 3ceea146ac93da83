"""A checkpoint of ACE-Step 1.5 in diffusers' layout with random weights of bfloat16, at real widths.

It makes no music: times and memory are those of the released sizes. Layers can be fewer, to be extrapolated from.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.support.golden15_runs import OURS

TINY15 = OURS / "tiny_checkpoint" / "turbo"
PARTS = {
    "transformer": "transformer_{size}",
    "condition_encoder": "condition_encoder",
    "audio_tokenizer": "audio_tokenizer",
    "audio_token_detokenizer": "audio_token_detokenizer",
    "vae": "vae",
    "text_encoder": "text_encoder",
}
SPREAD = 0.02


def write_checkpoint(
    folder: Path, layers: int | None = None, size: str = "2b", seed: int = 0, kind: str = "turbo"
) -> Path:
    """Write it; `layers` of the transformer (None: all), `size` 2b or xl, `kind` turbo or base."""
    draws = _Draws(seed)
    for part, table in PARTS.items():
        read = json.loads((OURS / "state_dicts" / f"state_dict_{table.format(size=size)}.json").read_text())
        shapes = {key: tuple(entry["shape"]) for key, entry in read["state_dict"].items()}
        config = {**json.loads((TINY15 / part / "config.json").read_text()), **(read.get("config") or {})}
        if part == "transformer":
            config |= {"is_turbo": kind == "turbo", "model_version": kind}
        if part == "transformer" and layers is not None:
            config |= {"num_hidden_layers": layers, "layer_types": config["layer_types"][:layers]}
            shapes = {key: shape for key, shape in shapes.items() if _layer(key) < layers}
        _write(folder / part, config, {key: _weight(key, shape, draws) for key, shape in shapes.items()})
    for name in ("tokenizer", "scheduler"):
        shutil.copytree(TINY15 / name, folder / name, dirs_exist_ok=True)
    shutil.copy(TINY15 / "model_index.json", folder)
    return folder


def _write(folder: Path, config: dict[str, Any], state: dict[str, Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    file = "model.safetensors" if folder.name == "text_encoder" else "diffusion_pytorch_model.safetensors"
    save_file(state, str(folder / file), {"format": "pt"})


def _layer(key: str) -> int:
    name, _, rest = key.partition(".")
    return int(rest.split(".")[0]) if name == "layers" else -1


class _Draws:
    """Random numbers of a bell, taken from one long row of them at another place each time: drawing each would take
    most of a minute."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._row = torch.empty(1 << 24, dtype=torch.bfloat16).normal_(0.0, SPREAD, generator=generator)
        self._place = 0

    def take(self, shape: tuple[int, ...]) -> Tensor:
        """bfloat16 of this shape."""
        count, length = math.prod(shape), len(self._row)
        self._place = (self._place + 7_654_321) % length
        return self._row.roll(-self._place).repeat(-(-count // length))[:count].reshape(shape).clone()


def _weight(key: str, shape: tuple[int, ...], draws: _Draws) -> Tensor:
    """Norms and lengths 1, biases and the shapes of snakes 0, the rest a bell."""
    if key.endswith(("norm.weight", "norm_q.weight", "norm_k.weight", "weight_g")) or "layernorm" in key:
        return torch.ones(shape, dtype=torch.bfloat16)
    if key.endswith((".bias", "alpha", "beta")):
        return torch.zeros(shape, dtype=torch.bfloat16)
    return draws.take(shape)

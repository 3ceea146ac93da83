"""LoRAs of ACE-Step 1.5: scale by alpha, single files, and what is refused. Golden ones are in the family's tests."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.checkpoints.ace_step_15.lora import read_lora
from engine.errors import CheckpointError
from tests.support.golden15_runs import OURS

TINY_LORA = OURS / "tiny_lora"
NAME = "layers.0.cross_attn.k_proj"


def change(path: Path) -> torch.Tensor:
    low_rank = read_lora(path)[NAME]
    return low_rank.up @ low_rank.down


def raw() -> torch.Tensor:
    state = load_file(TINY_LORA / "adapter_model.safetensors")
    key = f"base_model.model.{NAME}.lora_"
    return state[key + "B.weight"] @ state[key + "A.weight"]


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, 8 / 4),
        ({"use_rslora": True}, 8 / math.sqrt(4)),
        ({"lora_alpha": 1}, 1 / 4),
        ({"alpha_pattern": {"cross_attn.k_proj": 2}}, 2 / 4),
        ({"alpha_pattern": {"self_attn.k_proj": 2}}, 8 / 4),
    ],
)
def test_the_scale_of_the_training_is_used(config: dict, scale: float, tmp_path: Path) -> None:
    shutil.copytree(TINY_LORA, tmp_path / "lora")
    path = tmp_path / "lora" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    torch.testing.assert_close(change(tmp_path / "lora"), raw() * scale)


@pytest.mark.parametrize("prefix", ["diffusion_model.", "diffusion_model.decoder.", "base_model.model.decoder.", ""])
@pytest.mark.parametrize("ends", [("lora_down", "lora_up"), ("lora_A", "lora_B"), ("lora_A.default", "lora_B.default")])
@pytest.mark.parametrize("alpha", [None, 2.0])
def test_single_files(prefix: str, ends: tuple[str, str], alpha: float | None, tmp_path: Path) -> None:
    down, up = torch.randn(4, 64), torch.randn(32, 4)
    state = {f"{prefix}{NAME}.{ends[0]}.weight": down, f"{prefix}{NAME}.{ends[1]}.weight": up}
    if alpha is not None:
        state[f"{prefix}{NAME}.alpha"] = torch.tensor(alpha)
    save_file(state, tmp_path / "lora.safetensors")
    torch.testing.assert_close(change(tmp_path / "lora.safetensors"), up @ down * (1.0 if alpha is None else alpha / 4))


def test_names_of_diffusers(tmp_path: Path) -> None:
    state = {f"transformer.layers.1.self_attn.to_out.0.lora_{n}.weight": torch.ones(2, 2) for n in "AB"}
    save_file(state, tmp_path / "pytorch_lora_weights.safetensors")
    assert list(read_lora(tmp_path)) == ["layers.1.self_attn.o_proj"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([f"{NAME}.lokr_w1", f"{NAME}.lokr_w2"], "got a LoKr adapter, expected a LoRA"),
        ([f"{NAME}.hada_w1_a"], "got a LoHa adapter"),
        ([f"{NAME}.lora_magnitude_vector"], "got a DoRA adapter"),
        ([f"{NAME}.lora_A.weight"], "modules without a pair"),
        ([f"{NAME}.weight"], "unknown keys"),
    ],
)
def test_other_adapters_are_refused_by_name(keys: list[str], message: str, tmp_path: Path) -> None:
    save_file({key: torch.ones(2, 2) for key in keys}, tmp_path / "lora.safetensors")
    with pytest.raises(CheckpointError, match=message):
        read_lora(tmp_path / "lora.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        read_lora(tmp_path / "nowhere")

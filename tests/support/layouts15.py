"""Tiny ACE-Step 1.5 checkpoints in the other public layouts, made from those in diffusers' layout.

The maps of names are written out here on their own, from the page that describes the layouts, not taken from the
engine's.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

PREFIXES = {
    "transformer": "decoder.",
    "condition_encoder": "encoder.",
    "audio_tokenizer": "tokenizer.",
    "audio_token_detokenizer": "detokenizer.",
}
WEIGHTS = "diffusion_pytorch_model.safetensors"


def original_key(part: str, key: str) -> str:
    """The original layout's name of a key of diffusers' layout."""
    if key == "null_condition_emb":
        return key
    for old, new in (("to_q.", "q_proj."), ("to_k.", "k_proj."), ("to_v.", "v_proj."), ("to_out.0.", "o_proj.")):
        key = key.replace(old, new)
    key = key.replace("norm_q.", "q_norm.").replace("norm_k.", "k_norm.")
    key = key.replace("proj_in_conv.", "proj_in.1.").replace("proj_out_conv.", "proj_out.1.")
    return PREFIXES[part] + key


def stable_audio_key(key: str) -> str:
    """stable-audio's name of an autoencoder's key of diffusers' layout."""
    side, rest = key.split(".", 1)
    units = {f"res_unit{n}": n - 1 for n in (1, 2, 3)}
    places = {**units, "snake1": 3, "conv1": 4} if side == "encoder" else {"snake1": 0, "conv_t1": 1}
    if side == "decoder":
        places |= {name: n + 2 for name, n in units.items()}
    inside = re.fullmatch(r"block\.(\d+)\.(\w+)(?:\.(\w+))?\.(\w+)", rest)
    if inside is None:
        name, leaf = rest.split(".")
        return f"{side}.layers.{ {'conv1': 0, 'snake1': 6, 'conv2': 7}[name] }.{leaf}"
    block, name, unit, leaf = inside.groups()
    path = f"{side}.layers.{int(block) + 1}.layers.{places[name]}"
    if unit is not None:
        path += f".layers.{['snake1', 'conv1', 'snake2', 'conv2'].index(unit)}"
    return f"{path}.{leaf}"


def original_weights(folder: Path) -> tuple[dict[str, Tensor], Tensor]:
    """The four parts as one state dict, and the silence latent as the original stores it."""
    state, silence = {}, torch.zeros(0)
    for part in PREFIXES:
        for key, value in load_file(folder / part / WEIGHTS).items():
            if key == "silence_latent":
                silence = value.transpose(1, 2).contiguous()
            else:
                state[original_key(part, key)] = value
    return state, silence


def original_config(folder: Path) -> dict[str, Any]:
    """One config.json as the original has it: the transformer's sizes, and the encoder's where they differ."""
    raw = {p: json.loads((folder / p / "config.json").read_text()) for p in PREFIXES}
    merged = {k: v for part in reversed(PREFIXES) for k, v in raw[part].items() if not k.startswith("_")}
    encoder = raw["condition_encoder"]
    sizes = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")
    if any(encoder[name] != merged[name] for name in sizes):
        merged |= {f"encoder_{name}": encoder[name] for name in sizes}
    return {**merged, "architectures": ["AceStepConditionGenerationModel"], "timbre_fix_frame": 750}


def make_original(folder: Path, out: Path, shards: int = 1) -> Path:
    """The checkpoint in `folder` in the original layout: weights in one file or in shards, vae and text beside."""
    out.mkdir(parents=True)
    state, silence = original_weights(folder)
    (out / "config.json").write_text(json.dumps(original_config(folder)))
    (out / "modeling_acestep.py").write_text("raise SystemExit('remote code was run')\n")
    torch.save(silence, out / "silence_latent.pt")
    _save(state, out, shards)
    shutil.copytree(folder / "vae", out / "vae")
    shutil.copytree(folder / "text_encoder", out / "Qwen3-Embedding-0.6B")
    shutil.copy(folder / "tokenizer" / "tokenizer.json", out / "Qwen3-Embedding-0.6B")
    return out


def make_comfy(folder: Path, out: Path, name: str = "acestep_v1.5_turbo.safetensors") -> Path:
    """The checkpoint as ComfyUI's split files; what shapes do not tell is in config.json. No silence latent."""
    for place in ("diffusion_models", "text_encoders", "vae"):
        (out / place).mkdir(parents=True)
    save_file(original_weights(folder)[0], out / "diffusion_models" / name)
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (out / "diffusion_models" / "config.json").write_text(json.dumps({"sliding_window": config["sliding_window"]}))
    text = load_file(folder / "text_encoder" / "model.safetensors")
    save_file(
        {f"model.{key}": value for key, value in text.items()}, out / "text_encoders" / "qwen_0.6b_ace15.safetensors"
    )
    vae = load_file(folder / "vae" / WEIGHTS)
    save_file({stable_audio_key(k): v for k, v in vae.items()}, out / "vae" / "ace_1.5_vae.safetensors")
    shutil.copy(folder / "tokenizer" / "tokenizer.json", out / "text_encoders")
    return out / "diffusion_models" / name


def _save(state: dict[str, Tensor], out: Path, shards: int) -> None:
    if shards == 1:
        save_file(state, out / "model.safetensors")
        return
    homes = {}
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = {key: state[key] for key in sorted(state)[number::shards]}
        save_file(part, out / name)
        homes |= dict.fromkeys(part, name)
    (out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": homes}))

"""Checkpoints of random weights in the released layout, of sizes between the tests' tiny one and the released one.

They make no music: they have the released architecture, so times and memory are those of a model of that size.
"""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.checkpoints.folder import read_tokenizer
from engine.checkpoints.load import load_networks
from engine.checkpoints.networks import AUTOENCODER, TEXT_ENCODER, TRANSFORMER, VOCODER, Networks
from engine.networks.autoencoder import MusicAutoencoder, build_autoencoder_dc, build_vocoder
from engine.networks.config import TransformerConfig
from engine.networks.text_encoder import TextEncoder, build_umt5
from engine.networks.transformer import Transformer
from tests.support.paths import GOLDEN, TINY

REAL_CONFIGS = GOLDEN / "real_configs"
WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Size:
    """What of the released configs is changed. `text_vocabulary` is that of the tests' small tokenizer."""

    name: str
    transformer: dict[str, Any]
    autoencoder: dict[str, Any]
    vocoder: dict[str, Any]
    text: dict[str, Any]


# autoencoder and vocoder are so wide that decoding has its share of the work in the release: an eighth
MIDDLE = Size(
    name="middle: 20 layers, 512 wide",
    transformer={
        "num_layers": 20,
        "inner_dim": 512,
        "num_attention_heads": 8,
        "attention_head_dim": 64,
        "lyric_hidden_size": 256,
        "text_embedding_dim": 256,
        "ssl_latent_dims": [64, 64],
        "lyric_encoder_config": {"output_size": 256, "attention_heads": 4, "linear_units": 1024, "num_blocks": 6},
    },
    autoencoder={
        "encoder_block_out_channels": [32, 64, 128, 256],
        "decoder_block_out_channels": [32, 64, 128, 256],
    },
    vocoder={
        "dims": [32, 64, 96, 128],
        "num_mels": 128,
        "upsample_initial_channel": 128,
        "upsample_rates": [4, 4, 4, 4, 2],
        "upsample_kernel_sizes": [8, 8, 8, 8, 4],
    },
    text={"d_model": 256, "d_ff": 512, "d_kv": 64, "num_heads": 4, "num_layers": 10, "vocab_size": 320},
)
REAL = Size("released", {}, {}, {}, {"vocab_size": 256384})


def configs(size: Size) -> dict[str, dict[str, Any]]:
    """The four parsed config.json of a size."""
    changes = {
        TRANSFORMER: size.transformer,
        AUTOENCODER: size.autoencoder,
        VOCODER: size.vocoder,
        TEXT_ENCODER: size.text,
    }
    read = {name: json.loads((REAL_CONFIGS / f"{name}.config.json").read_text(encoding="utf-8")) for name in changes}
    return {name: {**read[name], **changes[name]} for name in changes}


def write_checkpoint(folder: Path, size: Size = MIDDLE, seed: int = 0) -> Path:
    """Write a checkpoint of random weights, float32, as the release lays them out, dead weights included."""
    torch.manual_seed(seed)
    all_configs = configs(size)
    transformer = Transformer(TransformerConfig.from_dict(all_configs[TRANSFORMER]))
    vocoder = build_vocoder(all_configs[VOCODER])
    assert isinstance(vocoder, nn.Module)
    states = {
        TRANSFORMER: _with_dead(transformer.state_dict(), transformer.config),
        AUTOENCODER: build_autoencoder_dc(all_configs[AUTOENCODER]).state_dict(),
        VOCODER: _with_weight_norm(vocoder),
        TEXT_ENCODER: build_umt5(all_configs[TEXT_ENCODER]).state_dict(),
    }
    states[TEXT_ENCODER].pop("encoder.embed_tokens.weight", None)
    for name, state in states.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = json.dumps(all_configs[name], indent=2)
        (folder / name / "config.json").write_text(text, encoding="utf-8")
        file = "model.safetensors" if name == TEXT_ENCODER else WEIGHTS
        state = {key: value.contiguous().clone() for key, value in state.items()}
        save_file(state, str(folder / name / file), {"format": "pt"})
    for path in (TINY / TEXT_ENCODER).glob("tokenizer*.json"):
        shutil.copyfile(path, folder / TEXT_ENCODER / path.name)
    return folder


def _with_dead(state: dict[str, Tensor], config: TransformerConfig) -> dict[str, Tensor]:
    """The weights that the release holds and no inference uses."""
    dim = config.inner_dim
    for block in range(config.num_layers):
        for name in ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"):
            layer = nn.Linear(dim, dim)
            state |= {f"transformer_blocks.{block}.cross_attn.{name}.{k}": v for k, v in layer.state_dict().items()}
    for index, out in enumerate(config.ssl_latent_dims):
        sizes = ((0, dim, 2 * dim), (2, 2 * dim, 2 * dim), (4, 2 * dim, out))
        for place, before, after in sizes:
            layer = nn.Linear(before, after)
            state |= {f"projectors.{index}.{place}.{k}": v for k, v in layer.state_dict().items()}
    return state


def _with_weight_norm(vocoder: nn.Module) -> dict[str, Tensor]:
    """The vocoder's weights with each convolution of its head as length and direction."""
    state = copy.copy(vocoder.state_dict())
    for name, module in vocoder.named_modules():
        if name.startswith("head.") and isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            weight = state.pop(f"{name}.weight")
            state[f"{name}.weight_v"] = weight
            state[f"{name}.weight_g"] = torch.linalg.vector_norm(weight.flatten(1), dim=1)[:, None, None]
    for key in [k for k in state if k.endswith(".gamma")]:
        state[key] = torch.full_like(state[key], 0.1)
    return state


def random_networks(size: Size, device: torch.device, dtype: torch.dtype) -> Networks:
    """Networks of a size with random weights, made on the device; nothing is written."""
    all_configs = configs(size)
    with torch.device(device):
        transformer = Transformer(TransformerConfig.from_dict(all_configs[TRANSFORMER]))
        autoencoder = build_autoencoder_dc(all_configs[AUTOENCODER])
        vocoder: Any = build_vocoder(all_configs[VOCODER])
        text = build_umt5(all_configs[TEXT_ENCODER])
    autoencoder.decoder.to(dtype)
    vocoder.backbone.to(dtype)
    vocoder.head.to(dtype)
    tokenizer = read_tokenizer(TINY / TEXT_ENCODER / "tokenizer.json")
    return Networks(
        transformer=transformer.to(dtype).requires_grad_(False).eval(),
        autoencoder=MusicAutoencoder(autoencoder, vocoder).requires_grad_(False).eval(),
        text_encoder=TextEncoder(text.to(dtype), tokenizer, transformer.config.erg.text).requires_grad_(False).eval(),
        config=transformer.config,
        source=TINY,
        lyric_vocab=None,
        device=device,
        dtype=dtype,
    )


def tiny_networks() -> Networks:
    """The tests' tiny checkpoint on the CPU."""
    return load_networks(TINY)

"""ComfyUI's split files of ACE-Step 1.5, which come without configs: sizes from shapes, the rest as released.

What shapes do not tell (window, rotation base, epsilon, heads of the autoencoder's strides) is the released value; a
`config.json` beside a file comes first. Knows no networks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.checkpoints.ace_step_15.keys import TRANSFORMER, from_stable_audio
from engine.errors import CheckpointError

Shapes = Mapping[str, tuple[int, ...]]
RELEASED = {
    "sliding_window": 128,
    "rope_theta": 1e6,
    "rms_norm_eps": 1e-6,
    "timbre_fix_frame": 750,
    "fsq_input_levels": [8, 8, 8, 5, 5, 5],
    "fsq_input_num_quantizers": 1,
}


def comfy_configs(shapes: Shapes, given: Mapping[str, Any], file: Path) -> dict[str, dict[str, Any]]:
    """The config of the original layout that these shapes mean, under the transformer's name."""
    try:
        return {TRANSFORMER: {**RELEASED, **_sizes(shapes), **_version(file), **given}}
    except KeyError as error:
        raise CheckpointError(f"{file}: {error.args[0]} is missing. Download the file again.") from error


def text_encoder_config(shapes: Shapes, given: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The text encoder's config that these shapes mean."""
    plain = {key.removeprefix("model."): shape for key, shape in shapes.items()}
    try:
        vocabulary, _ = plain["embed_tokens.weight"]
        return {**_stack(plain, ""), "vocab_size": vocabulary, "rope_theta": 1e6, "rms_norm_eps": 1e-6, **given}
    except KeyError as error:
        raise CheckpointError(f"{file}: {error.args[0]} is missing. Download the file again.") from error


def autoencoder_config(shapes: Shapes, given: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The autoencoder's config that these shapes mean, under either names. Strides are half a kernel."""
    plain = {from_stable_audio(key): shape for key, shape in shapes.items()}
    try:
        base = plain["encoder.conv1.weight_v"][0]
        levels = len([key for key in plain if re.fullmatch(r"encoder\.block\.\d+\.conv1\.weight_v", key)])
        kernels = [plain[f"encoder.block.{n}.conv1.weight_v"] for n in range(levels)]
        return {
            "encoder_hidden_size": base,
            "downsampling_ratios": [shape[2] // 2 for shape in kernels],
            "channel_multiples": [shape[0] // base for shape in kernels],
            "decoder_channels": plain["decoder.conv2.weight_v"][1],
            "decoder_input_channels": plain["decoder.conv1.weight_v"][1],
            "audio_channels": plain["encoder.conv1.weight_v"][1],
            "sampling_rate": 48000,
            **given,
        }
    except KeyError as error:
        raise CheckpointError(f"{file}: {error.args[0]} is missing. Download the file again.") from error


def _sizes(shapes: Shapes) -> dict[str, Any]:
    encoder = _stack(shapes, "encoder.lyric_encoder.")
    _, channels, patch = shapes["decoder.proj_in.1.weight"]
    return {
        **_stack(shapes, "decoder."),
        **{f"encoder_{name}": encoder[name] for name in encoder if name not in ("head_dim", "num_hidden_layers")},
        "in_channels": channels,
        "audio_acoustic_hidden_dim": channels // 3,
        "patch_size": patch,
        "encoder_hidden_size": shapes["decoder.condition_embedder.weight"][1],
        "text_hidden_dim": shapes["encoder.text_projector.weight"][1],
        "timbre_hidden_dim": shapes["encoder.timbre_encoder.embed_tokens.weight"][1],
        "num_lyric_encoder_hidden_layers": _layers(shapes, "encoder.lyric_encoder."),
        "num_timbre_encoder_hidden_layers": _layers(shapes, "encoder.timbre_encoder."),
        "num_attention_pooler_hidden_layers": _layers(shapes, "detokenizer."),
        "pool_window_size": shapes["detokenizer.special_tokens"][1],
    }


def _stack(shapes: Shapes, prefix: str) -> dict[str, Any]:
    """Sizes of a stack of blocks."""
    attention = f"{prefix}layers.0.self_attn."
    head = shapes[attention + "q_norm.weight"][0]
    queries, size = shapes[attention + "q_proj.weight"]
    return {
        "hidden_size": size,
        "intermediate_size": shapes[f"{prefix}layers.0.mlp.gate_proj.weight"][0],
        "num_attention_heads": queries // head,
        "num_key_value_heads": shapes[attention + "k_proj.weight"][0] // head,
        "head_dim": head,
        "num_hidden_layers": _layers(shapes, prefix),
    }


def _layers(shapes: Shapes, prefix: str) -> int:
    numbers = {key.removeprefix(prefix).split(".")[1] for key in shapes if key.startswith(prefix + "layers.")}
    return len(numbers)


def _version(file: Path) -> dict[str, Any]:
    """What the file's name says: turbo, sft or base."""
    name = file.name.lower()
    version = next((word for word in ("turbo", "sft", "base") if word in name), "")
    return {"is_turbo": version == "turbo", "model_version": version}

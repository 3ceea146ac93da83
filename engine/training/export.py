"""Trained weights to a checkpoint folder in the released layout, fp16. Knows no training and no audio."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoints.networks import AUTOENCODER, TEXT_ENCODER, TRANSFORMER, VOCODER
from engine.training.learning.autoencoder import AUTOENCODER_CONFIG
from engine.training.learning.transformer import TEXT_CONFIG, TRANSFORMER_CONFIG
from engine.training.music.tags import all_phrases, stem_words
from engine.training.music.vocabulary import make_tokenizer, save_tokenizer

DEFAULT_REQUEST: dict[str, Any] = {
    "guidance_type": "cfg",
    "guidance_scale": 5.0,
    "tag_guidance_scale": 4.5,
    "lyric_guidance_scale": 2.0,
    "guidance_interval": 1.0,
    "number_of_steps": 27,
    "granularity_scale": 0.0,
    "edit_ranges": {"remix": [0.0, 0.05]},
}
VOCODER_CONFIG: dict[str, Any] = {
    "_class_name": "SpectralInversionVocoder",
    "iterations": 8,
    "momentum": 0.7,
    "partials_every": 2,
    "partials": {"bins": 80, "channels": 32, "dilations": [1, 2, 4, 8], "mixed": [4, 192]},
}
WEIGHTS = "diffusion_pytorch_model.safetensors"
MAX_BYTES = 16_000_000


def export_checkpoint(
    folder: Path,
    autoencoder: Mapping[str, Tensor],
    velocity: Mapping[str, Tensor],
    partials: Mapping[str, Tensor] | None = None,
) -> int:
    """Write the four parts; `velocity` holds `transformer.*` and `text.*`, `partials` the vocoder's network if it has
    one. Returns the size in bytes.

    Raises ValueError if the checkpoint is larger than nano may be.
    """
    transformer = _part(velocity, "transformer.")
    text = {name: value for name, value in _part(velocity, "text.").items() if name != "encoder.embed_tokens.weight"}
    _write(folder / AUTOENCODER, AUTOENCODER_CONFIG, autoencoder, WEIGHTS)
    config = {**TRANSFORMER_CONFIG, "default_request": DEFAULT_REQUEST, "stem_words": stem_words()}
    _write(folder / TRANSFORMER, config, transformer, WEIGHTS)
    _write(folder / TEXT_ENCODER, TEXT_CONFIG, text, "model.safetensors")
    if partials is None:
        _write_config(folder / VOCODER, vocoder_config(partials=False))
    else:
        _write(folder / VOCODER, VOCODER_CONFIG, {f"partials.{key}": value for key, value in partials.items()}, WEIGHTS)
    save_tokenizer(make_tokenizer(all_phrases()), folder / TEXT_ENCODER)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise ValueError(f"{folder}: got {size} bytes, expected at most {MAX_BYTES}; train a smaller model")
    return size


def vocoder_config(partials: bool) -> dict[str, Any]:
    """The vocoder's config.json with or without its network."""
    return {name: value for name, value in VOCODER_CONFIG.items() if partials or name != "partials"}


def _part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _write(folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor], name: str) -> None:
    _write_config(folder, config)
    save_file({key: value.detach().half().contiguous() for key, value in weights.items()}, folder / name)


def _write_config(folder: Path, config: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")

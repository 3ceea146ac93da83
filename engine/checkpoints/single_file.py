"""ComfyUI's single-file checkpoint `ace_step_v1_3.5b.safetensors`: all networks in one file. Knows no registry.

Prefixes: `model.diffusion_model.` transformer, `vae.dcae.` autoencoder, `vae.vocoder.` vocoder,
`text_encoders.umt5base.transformer.` UMT5. There is no config.json in it: the released sizes hold. The text
tokenizer is a SentencePiece model stored as a tensor of bytes, `text_encoders.spiece_model`; a `tokenizer.json`
beside the file comes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from engine.checkpoints.folder import read_tokenizer
from engine.checkpoints.networks import (
    AUTOENCODER,
    TEXT_ENCODER,
    TRANSFORMER,
    VOCODER,
    Networks,
    Part,
    Target,
    make_networks,
)
from engine.checkpoints.sentencepiece import tokenizer_from_sentencepiece
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError
from engine.networks.log_mel import LogMel

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PREFIXES = {
    TRANSFORMER: ("model.diffusion_model.",),
    AUTOENCODER: ("vae.dcae.",),
    VOCODER: ("vae.vocoder.",),
    TEXT_ENCODER: ("text_encoders.umt5base.transformer.", "text_encoders.umt5base."),
}
SENTENCEPIECE_KEYS = ("text_encoders.spiece_model", "text_encoders.umt5base.spiece_model")
UNUSED_KEYS = frozenset({"text_encoders.umt5base.logit_scale", "text_encoders.umt5base.text_projection.weight"})


def load_single_file(path: Path, target: Target, configs: Mapping[str, Any] | None = None) -> Networks:
    """Read a single file. `configs` maps folder names to parsed config.json (None: the released sizes)."""
    configs = configs or released_configs()
    file = TensorFile(path)
    weights = split_weights(file)
    types = {value.dtype for part in weights.values() for value in part.values() if value.is_floating_point()}
    target = replace(target, copy=target.copy or types != {target.dtype})
    parts = {name: Part(configs[name], weights[name], f"{path}, {PREFIXES[name][0]}*") for name in PREFIXES}
    parts[VOCODER] = _with_mel(parts[VOCODER])
    return make_networks(parts, _tokenizer(path, file), path, target)


def split_weights(file: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Each network's weights under the released names. Raises CheckpointError for keys of no network."""
    parts: dict[str, dict[str, Tensor]] = {name: {} for name in PREFIXES}
    unknown = []
    for key in file:
        if key in SENTENCEPIECE_KEYS or key in UNUSED_KEYS:
            continue
        home = _home(key)
        if home is None:
            unknown.append(key)
        else:
            parts[home[0]][home[1]] = file[key]
    empty = [PREFIXES[name][0] for name, weights in parts.items() if not weights]
    if unknown or empty:
        raise CheckpointError(
            f"single-file checkpoint: unknown weights {unknown[:5] or 'none'}, nothing under {empty or 'none'}. "
            "Use ace_step_v1_3.5b.safetensors as ComfyUI publishes it, or the released folder."
        )
    return parts


def released_configs() -> dict[str, Any]:
    """The released config.json files by folder name."""
    text = resources.files("engine.checkpoints").joinpath("released_configs.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _home(key: str) -> tuple[str, str] | None:
    for name, prefixes in PREFIXES.items():
        for prefix in prefixes:
            if key.startswith(prefix):
                return name, key.removeprefix(prefix)
    return None


def _with_mel(part: Part) -> Part:
    """The vocoder with its log-mel tables, which the file may leave out because they can be computed."""
    config = part.config
    mel = LogMel(
        config["sampling_rate"],
        config["n_fft"],
        config["hop_length"],
        config["n_mels"],
        config["f_min"],
        config["f_max"],
    )
    tables = {f"mel_transform.{key}": value for key, value in mel.state_dict().items()}
    return Part(config, {**tables, **part.weights}, part.where)


def _tokenizer(path: Path, file: Mapping[str, Tensor]) -> Tokenizer:
    beside = path.parent / "tokenizer.json"
    if beside.is_file():
        return read_tokenizer(beside)
    for key in SENTENCEPIECE_KEYS:
        if key in file:
            return tokenizer_from_sentencepiece(file[key].numpy().tobytes(), f"{path}, {key}")
    raise CheckpointError(
        f"{path}: holds no text tokenizer ({' or '.join(SENTENCEPIECE_KEYS)}), and there is no tokenizer.json beside "
        "it. Put umt5-base/tokenizer.json of ACE-Step/ACE-Step-v1-3.5B into the same folder."
    )

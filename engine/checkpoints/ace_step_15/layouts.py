"""Where the parts of an ACE-Step 1.5 checkpoint lie, in each of the three public layouts.

    original    checkpoint/config.json, model.safetensors (or shards), silence_latent.pt; vae/ and Qwen3-Embedding-0.6B/
                in the same folder, or beside it, as in the main repository
    diffusers   checkpoint/{transformer,condition_encoder,audio_tokenizer,audio_token_detokenizer,vae,text_encoder,
                tokenizer}/; the two of audio tokens may be missing
    ComfyUI     .../diffusion_models/NAME.safetensors, text_encoders/, vae/ beside that folder; no config, no silence
                latent and no tokenizer, which come from one of the other layouts

Python files in a checkpoint are never run. Knows no networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from engine.checkpoints.ace_step_15.comfy import autoencoder_config, comfy_configs, text_encoder_config
from engine.checkpoints.ace_step_15.files import find_silence, open_weights, read_silence
from engine.checkpoints.ace_step_15.keys import (
    AUTOENCODER,
    CONDITIONS,
    DETOKENIZER,
    MODEL_PARTS,
    SILENCE,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
    from_diffusers,
    from_stable_audio,
    from_text_encoder,
    is_stable_audio,
    is_text_weight,
    renamed,
    split_original,
)
from engine.checkpoints.ace_step_15.places import (
    SHARED_15,
    comfy_files,
    find_weights,
    is_diffusers,
    original_folders,
    the_only,
)
from engine.checkpoints.folder import read_tokenizer
from engine.checkpoints.json_object import read_json
from engine.checkpoints.networks import Part
from engine.checkpoints.weights import TensorFile
from engine.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ORIGINAL_TEXT_ENCODER = "Qwen3-Embedding-0.6B"
MAIN_MODEL = "ace-step-1.5"
MAIN_REPOSITORY_FOLDER = "Ace-Step1.5"  # as cloned from the hub
TOKENIZER_FILE = "tokenizer.json"
REMEDY = "Get a whole model with `acestep-bridge models pull ace-step-1.5`, or name a complete folder."
NO_SILENCE = (
    "This layout comes without the silence latent that the model was trained with. Put `silence_latent.pt` (3.8 MB, in "
    "any checkpoint of the original layout) into the same folder; what the autoencoder makes of zeros is not the same."
)


@dataclass(frozen=True)
class Found:
    """A checkpoint's parts by name, its tokenizer and its silence latent (1, C, F) or (1, F, C)."""

    parts: Mapping[str, Part]
    tokenizer: Tokenizer
    silence: Tensor
    source: Path


def find_parts(source: Path) -> Found:
    """Read a checkpoint's headers and configs. Raises CheckpointError naming what is missing."""
    if source.is_file():
        return _comfy(source)
    if is_diffusers(source):
        return _diffusers(source)
    original, comfy = the_only(original_folders(source), source), the_only(comfy_files(source), source)
    if original is not None:
        return _original(original)
    if comfy is not None:
        return _comfy(comfy)
    raise CheckpointError(f"{source}: no ACE-Step 1.5 checkpoint in any layout. {REMEDY}")


def _diffusers(folder: Path) -> Found:
    parts = {name: _diffusers_part(folder, name) for name in (TRANSFORMER, CONDITIONS)}
    tokens = [name for name in (TOKENIZER, DETOKENIZER) if (folder / name / "config.json").is_file()]
    parts |= {name: _diffusers_part(folder, name) for name in tokens}
    conditions = parts[CONDITIONS]
    weights = dict.fromkeys(key for key in conditions.weights if key != SILENCE)
    parts[CONDITIONS] = Part(conditions.config, renamed(conditions.weights, str, weights), conditions.where)
    around = _around(folder)
    silence = conditions.weights[SILENCE] if SILENCE in conditions.weights else _silence(around, folder)
    parts |= _shared_parts(around, folder)
    return Found(parts, _tokenizer(around, folder), silence, folder)


def _diffusers_part(folder: Path, name: str) -> Part:
    weights = open_weights(folder / name)
    return Part(read_json(folder / name / "config.json", REMEDY), renamed(weights, from_diffusers), f"{folder / name}")


def _original(folder: Path) -> Found:
    raw = read_json(folder / "config.json", REMEDY)
    parts = _split(open_weights(folder), {name: _of_part(raw, name) for name in MODEL_PARTS}, str(folder))
    around = _around(folder)
    return Found(parts | _shared_parts(around, folder), _tokenizer(around, folder), _silence(around, folder), folder)


def _of_part(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The one config of the original layout as that of a part: `layer_types` are the transformer's."""
    return dict(raw) if name == TRANSFORMER else {**raw, "layer_types": None}


def _split(weights: Mapping[str, Tensor], configs: Mapping[str, Any], where: str) -> dict[str, Part]:
    split = split_original(weights, where)
    return {name: Part(configs[name], split[name], f"{where}, {name}") for name in MODEL_PARTS}


def _comfy(file: Path) -> Found:
    weights = TensorFile(file)
    root = file.parent.parent if file.parent.name == "diffusion_models" else file.parent
    around = [file.parent, root, *_around(root)]
    beside = file.with_suffix(".json") if file.with_suffix(".json").is_file() else file.parent / "config.json"
    given = read_json(beside, REMEDY) if beside.is_file() else {}
    configs = comfy_configs(weights.shapes(), given, file)
    parts = _split(weights, {name: _of_part(configs[TRANSFORMER], name) for name in MODEL_PARTS}, str(file))
    parts[TEXT_ENCODER] = _comfy_part(root, TEXT_ENCODER, "text_encoders", "qwen_0.6b*.safetensors", around, file)
    parts[AUTOENCODER] = _comfy_part(root, AUTOENCODER, "vae", "*ace_1.5*.safetensors", around, file)
    return Found(parts, _tokenizer(around, file), _silence(around, file), file)


def _comfy_part(root: Path, name: str, folder: str, pattern: str, around: list[Path], asked: Path) -> Part:
    """Text encoder or autoencoder of the split files, else that of another layout nearby."""
    files = sorted((root / folder).glob(pattern)) or sorted((root / folder).glob("*.safetensors"))
    if not files:
        return _shared_parts(around, asked)[name]
    weights = TensorFile(files[0])
    beside = files[0].parent / "config.json"
    given = read_json(beside, REMEDY) if beside.is_file() else {}
    if name == TEXT_ENCODER:
        return Part(text_encoder_config(weights.shapes(), given, files[0]), text_weights(weights), str(files[0]))
    return Part(autoencoder_config(weights.shapes(), given, files[0]), autoencoder_weights(weights), str(files[0]))


def _shared_parts(around: list[Path], asked: Path) -> dict[str, Part]:
    """Autoencoder and text encoder, from the first folder around that has them."""
    vae = _first_folder(around, (AUTOENCODER,), asked)
    text = _first_folder(around, (TEXT_ENCODER, ORIGINAL_TEXT_ENCODER), asked)
    return {
        AUTOENCODER: Part(read_json(vae / "config.json", REMEDY), autoencoder_weights(open_weights(vae)), str(vae)),
        TEXT_ENCODER: Part(read_json(text / "config.json", REMEDY), text_weights(open_weights(text)), str(text)),
    }


def autoencoder_weights(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """An autoencoder's weights under our names."""
    return renamed(weights, from_stable_audio) if is_stable_audio(weights) else weights


def text_weights(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A text encoder's weights under our names, without a head."""
    return renamed(weights, from_text_encoder, [key for key in weights if is_text_weight(key)])


def _around(folder: Path) -> list[Path]:
    """Where parts that several checkpoints share are sought: in it, beside it, among pulled models."""
    beside = (folder.parent / name for name in (SHARED_15, MAIN_MODEL, MAIN_REPOSITORY_FOLDER))
    return [folder, folder.parent, *beside, folder.parent.parent / SHARED_15]


def _first_folder(around: list[Path], names: tuple[str, ...], asked: Path) -> Path:
    places = [folder / name for folder in around for name in names]
    for place in places:
        if (place / "config.json").is_file() and find_weights(place) is not None:
            return place
    raise CheckpointError(
        f"{asked}: {' or '.join(names)} is missing: no such folder with weights in {around[0]} or beside it. {REMEDY}"
    )


def _tokenizer(around: list[Path], asked: Path) -> Tokenizer:
    names = ("tokenizer", ORIGINAL_TEXT_ENCODER, TEXT_ENCODER, "text_encoders", ".")
    places = [folder / name / TOKENIZER_FILE for folder in around for name in names]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise CheckpointError(
            f"{asked}: {TOKENIZER_FILE} of Qwen3-Embedding-0.6B is missing. Put it beside the checkpoint, or pull "
            f"the main model with `acestep-bridge models pull {MAIN_MODEL}`."
        )
    return read_tokenizer(path, REMEDY)


def _silence(around: list[Path], asked: Path) -> Tensor:
    """The silence latent of a file around, or of a diffusers folder around."""
    path = find_silence([*around, *(inner for folder in around for inner in _inner_folders(folder))])
    if path is not None:
        return read_silence(path)
    for folder in around:
        if find_weights(folder / CONDITIONS) is not None:
            weights = open_weights(folder / CONDITIONS)
            if SILENCE in weights:
                return weights[SILENCE]
    raise CheckpointError(f"{asked}: silence_latent is missing. {NO_SILENCE}")


def _inner_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("acestep-v15-*") if path.is_dir())

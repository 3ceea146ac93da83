"""Names of weights in the three public layouts, and ours: the original's, without the part's prefix. Knows no files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from engine.errors import CheckpointError

TRANSFORMER = "transformer"
CONDITIONS = "condition_encoder"
TOKENIZER = "audio_tokenizer"
DETOKENIZER = "audio_token_detokenizer"
AUTOENCODER = "vae"
TEXT_ENCODER = "text_encoder"
MODEL_PARTS = (TRANSFORMER, CONDITIONS, TOKENIZER, DETOKENIZER)
SILENCE = "silence_latent"

ORIGINAL_PREFIXES = {
    "decoder.": TRANSFORMER,
    "encoder.": CONDITIONS,
    "tokenizer.": TOKENIZER,
    "detokenizer.": DETOKENIZER,
}
NULL_CONTEXT = "null_condition_emb"
_DIFFUSERS = {
    "to_q": "q_proj",
    "to_k": "k_proj",
    "to_v": "v_proj",
    "to_out.0": "o_proj",
    "norm_q": "q_norm",
    "norm_k": "k_norm",
}
_DIFFUSERS_KEY = re.compile(r"(?<=_attn\.)(" + "|".join(map(re.escape, _DIFFUSERS)) + r")(?=\.)")
_STABLE_AUDIO = re.compile(r"(?P<side>encoder|decoder)\.layers\.(?P<level>\d+)(?P<rest>\..+)?\.(?P<leaf>\w+)")
_UNIT = ("snake1", "conv1", "snake2", "conv2")
SHOWN = 5


@dataclass(frozen=True)
class Renamed(Mapping[str, Tensor]):
    """Tensors of a file under other names; each is read when it is asked for."""

    source: Mapping[str, Tensor]
    names: Mapping[str, str]  # ours -> the file's

    def __getitem__(self, key: str) -> Tensor:
        return self.source[self.names[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def renamed(source: Mapping[str, Tensor], rename: Callable[[str], str], keys: Iterable[str] | None = None) -> Renamed:
    """A file's tensors (those of `keys`, None: all) under the names that `rename` makes of theirs."""
    return Renamed(source, {rename(key): key for key in (source if keys is None else keys)})


def split_original(file: Mapping[str, Tensor], where: str) -> dict[str, Renamed]:
    """Each part of a file of the original layout. Raises CheckpointError for keys of no part and for empty parts."""
    names: dict[str, dict[str, str]] = {part: {} for part in MODEL_PARTS}
    unknown = []
    for key in file:
        part, name = original_home(key)
        if part is None:
            unknown.append(key)
        else:
            names[part][name] = key
    empty = [part for part, renamed in names.items() if not renamed]
    if unknown or empty:
        raise CheckpointError(
            f"{where}: unknown weights {sorted(unknown)[:SHOWN] or 'none'}, nothing for {empty or 'no part'}. Use "
            "model.safetensors of an ACE-Step 1.5 checkpoint, or ComfyUI's file from `diffusion_models/`; files that "
            "hold everything in one (`..._aio.safetensors`) are not read."
        )
    return {part: Renamed(file, renamed) for part, renamed in names.items()}


def original_home(key: str) -> tuple[str | None, str]:
    """The part that a key of the original layout belongs to (None: none), and our name of it there."""
    if key == NULL_CONTEXT:
        return CONDITIONS, key
    for prefix, part in ORIGINAL_PREFIXES.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            return part, re.sub(r"^(proj_in|proj_out)\.1\.", r"\1.", name) if part == TRANSFORMER else name
    return None, key


def from_diffusers(key: str) -> str:
    """Our name of a key of diffusers' layout, in any of its parts."""
    key = re.sub(r"^(proj_in|proj_out)_conv\.", r"\1.", key)
    return _DIFFUSERS_KEY.sub(lambda match: _DIFFUSERS[match[0]], key)


def from_text_encoder(key: str) -> str:
    """Our name of a text encoder's key, which may have `model.` in front."""
    return key.removeprefix("model.")


def is_text_weight(key: str) -> bool:
    """Whether a text encoder's key is a weight that is used: the head for next tokens is not."""
    return not key.startswith("lm_head.")


def from_stable_audio(key: str) -> str:
    """Our name of an autoencoder's key in stable-audio's names (`encoder.layers.3.layers.0.layers.1.weight_g`)."""
    match = _STABLE_AUDIO.fullmatch(key)
    if match is None:
        return key
    side, level = match["side"], int(match["level"])
    inner = [int(n) for n in (match["rest"] or "").replace("layers", "").split(".") if n]
    outer = {0: "conv1", 6: "snake1", 7: "conv2"}.get(level, f"block.{level - 1}")
    return ".".join([side, outer, *_inside(side, inner), match["leaf"]])


def is_stable_audio(keys: Iterable[str]) -> bool:
    """Whether an autoencoder's keys are in stable-audio's names."""
    return any(_STABLE_AUDIO.fullmatch(key) for key in keys)


def _inside(side: str, places: list[int]) -> list[str]:
    """Names inside a block: of its unit, snake or convolution, and of what is in a unit."""
    if not places:
        return []
    encoder = ("res_unit1", "res_unit2", "res_unit3", "snake1", "conv1")
    decoder = ("snake1", "conv_t1", "res_unit1", "res_unit2", "res_unit3")
    first = (encoder if side == "encoder" else decoder)[places[0]]
    return [first, *(_UNIT[place] for place in places[1:2])]

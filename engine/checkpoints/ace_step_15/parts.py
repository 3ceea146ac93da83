"""Parts of a checkpoint to networks, whatever layout they come from. Knows no folders and no registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from engine.checkpoints.ace_step_15.keys import (
    AUTOENCODER,
    CONDITIONS,
    DETOKENIZER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
)
from engine.checkpoints.networks import Part, Target
from engine.checkpoints.weights import M, build_empty, fill
from engine.errors import CheckpointError
from engine.networks.ace_step_15.audio_tokens import AudioDetokenizer, AudioTokenizer, AudioTokens
from engine.networks.ace_step_15.conditions import ConditionEncoder
from engine.networks.ace_step_15.config import (
    AudioTokensConfig,
    ConditionConfig,
    OobleckConfig,
    TextEncoderConfig,
    TransformerConfig,
)
from engine.networks.ace_step_15.oobleck import OobleckAutoencoder, fold_weight_norm
from engine.networks.ace_step_15.text_encoder import Qwen3, TextEncoder
from engine.networks.ace_step_15.transformer import Transformer

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Networks:
    """Everything that a checkpoint holds, on one device; `silence` (1, C, 1, F) float32 is what silence encodes to.

    `audio_tokens` is None where the checkpoint comes without them.
    """

    transformer: Transformer
    conditions: ConditionEncoder
    audio_tokens: AudioTokens | None
    autoencoder: OobleckAutoencoder
    text_encoder: TextEncoder
    silence: Tensor
    config: TransformerConfig
    source: Path
    device: torch.device
    dtype: torch.dtype

    @property
    def family(self) -> str:
        """The name of the family's folder in `engine.families`."""
        return "ace_step_15"

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The networks that can leave the device, by name."""
        always: dict[str, nn.Module] = {
            "transformer": self.transformer,
            "conditions": self.conditions,
            "autoencoder": self.autoencoder,
            "text_encoder": self.text_encoder,
        }
        return always if self.audio_tokens is None else {**always, "audio_tokens": self.audio_tokens}


def make_networks(
    parts: Mapping[str, Part], tokenizer: Tokenizer, silence: Tensor, source: Path, target: Target
) -> Networks:
    """Every network of a checkpoint, from its parts by name; audio tokens where both of their parts are there."""
    transformer = make_transformer(parts[TRANSFORMER], target)
    return Networks(
        transformer=transformer,
        conditions=make_conditions(parts[CONDITIONS], target),
        audio_tokens=make_audio_tokens(parts, target),
        autoencoder=make_autoencoder(parts[AUTOENCODER], target),
        text_encoder=TextEncoder(make_text_encoder(parts[TEXT_ENCODER], target), tokenizer).eval(),
        silence=_checked_silence(silence, transformer.config).to(target.device),
        config=transformer.config,
        source=source,
        device=target.device,
        dtype=target.dtype,
    )


def make_transformer(part: Part, target: Target) -> Transformer:
    """The velocity network."""
    return _filled(empty_transformer(part), part, target)


def make_conditions(part: Part, target: Target) -> ConditionEncoder:
    """Lyric encoder, timbre encoder and text projection."""
    return _filled(empty_conditions(part), part, target)


def make_audio_tokens(parts: Mapping[str, Part], target: Target) -> AudioTokens | None:
    """Tokenizer and detokenizer, or None where one of them is not there. The quantizer computes in float32."""
    if TOKENIZER not in parts or DETOKENIZER not in parts:
        return None
    tokenizer = _filled(empty_tokenizer(parts[TOKENIZER]), parts[TOKENIZER], target)
    detokenizer = _filled(empty_detokenizer(parts[DETOKENIZER]), parts[DETOKENIZER], target)
    return AudioTokens(tokenizer, detokenizer).eval()


def make_autoencoder(part: Part, target: Target) -> OobleckAutoencoder:
    """The autoencoder with its weight norm folded; the encoder in float32, the decoder in the target's."""
    model = fill(empty_autoencoder(part), fold_weight_norm(part.weights), part.where, torch.float32, target.device)
    model.decoder.to(target.codec or target.dtype)
    return model


def make_text_encoder(part: Part, target: Target) -> Qwen3:
    """The text encoder without a head."""
    return _filled(empty_text_encoder(part), part, target)


def empty_transformer(part: Part) -> Transformer:
    """A part's network on the meta device."""
    return build_empty(partial(Transformer, TransformerConfig.read(part.config, part.where)))


def empty_conditions(part: Part) -> ConditionEncoder:
    """A part's network on the meta device."""
    return build_empty(partial(ConditionEncoder, ConditionConfig.read(part.config, part.where)))


def empty_tokenizer(part: Part) -> AudioTokenizer:
    """A part's network on the meta device."""
    return build_empty(partial(AudioTokenizer, AudioTokensConfig.read(part.config, part.where)))


def empty_detokenizer(part: Part) -> AudioDetokenizer:
    """A part's network on the meta device."""
    return build_empty(partial(AudioDetokenizer, AudioTokensConfig.read(part.config, part.where)))


def empty_autoencoder(part: Part) -> OobleckAutoencoder:
    """A part's network on the meta device."""
    return build_empty(partial(OobleckAutoencoder, OobleckConfig.read(part.config, part.where)))


def empty_text_encoder(part: Part) -> Qwen3:
    """A part's network on the meta device."""
    return build_empty(partial(Qwen3, TextEncoderConfig.read(part.config, part.where)))


EMPTY_PARTS: Mapping[str, Callable[[Part], nn.Module]] = {
    TRANSFORMER: empty_transformer,
    CONDITIONS: empty_conditions,
    TOKENIZER: empty_tokenizer,
    DETOKENIZER: empty_detokenizer,
    AUTOENCODER: empty_autoencoder,
    TEXT_ENCODER: empty_text_encoder,
}
MODULE_NAMES = {  # the names in `Networks.modules`
    TRANSFORMER: "transformer",
    CONDITIONS: "conditions",
    TOKENIZER: "audio_tokens",
    DETOKENIZER: "audio_tokens",
    AUTOENCODER: "autoencoder",
    TEXT_ENCODER: "text_encoder",
}


def _filled(empty: M, part: Part, target: Target) -> M:
    return fill(empty, part.weights, part.where, target.dtype, target.device, target.int8, target.copy)


def _checked_silence(silence: Tensor, config: TransformerConfig) -> Tensor:
    """The silence latent as (1, C, 1, F) float32, from (1, C, F) or (1, F, C)."""
    channels = config.latent_channels
    shape = tuple(silence.shape)
    if silence.ndim == 3 and shape[0] == 1 and channels in shape[1:]:
        frames_last = silence if shape[1] == channels else silence.transpose(1, 2)
        return frames_last.float().contiguous()[:, :, None]
    raise CheckpointError(
        f"silence latent: got shape {shape}, expected (1, {channels}, frames) or (1, frames, {channels}). Use the "
        "silence latent that belongs to ACE-Step 1.5."
    )

"""Parts of a checkpoint to networks, wherever the parts come from (folder, single file). Knows no registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from engine.checkpoints.keys import with_both_embeddings, without_dead
from engine.checkpoints.weights import build_empty, fill, sizes_of_a_config
from engine.networks.autoencoder import MusicAutoencoder, build_autoencoder_dc, build_vocoder
from engine.networks.config import TransformerConfig
from engine.networks.text_encoder import TextEncoder, build_umt5
from engine.networks.transformer import Transformer
from engine.networks.vocoder import Vocoder, fold_weight_norm

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TRANSFORMER = "ace_step_transformer"
AUTOENCODER = "music_dcae_f8c8"
VOCODER = "music_vocoder"
TEXT_ENCODER = "umt5-base"
LYRIC_VOCAB = "lyric_vocab.json"
PARTS = (TRANSFORMER, AUTOENCODER, VOCODER, TEXT_ENCODER)


@dataclass(frozen=True, slots=True)
class Networks:
    """Everything that a checkpoint holds, on one device. `source` is the folder or file it was read from."""

    transformer: Transformer
    autoencoder: MusicAutoencoder
    text_encoder: TextEncoder
    config: TransformerConfig
    source: Path
    lyric_vocab: Path | None
    device: torch.device
    dtype: torch.dtype

    @property
    def family(self) -> str:
        """The name of the family's folder in `engine.families`."""
        return "v1"

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The networks that can leave the device, by name."""
        return {
            "transformer": self.transformer,
            "autoencoder": self.autoencoder,
            "text_encoder": self.text_encoder,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """One network's parsed config.json and its weights under the released names; `where` names it in errors."""

    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    where: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where weights go, and whether linear layers' are held in 8 bits. The autoencoder's encoder is always float32.

    `copy`: none stays mapped from its file, so that the file's pages, most of them not needed any more, can go.
    """

    device: torch.device
    dtype: torch.dtype
    int8: bool = False
    copy: bool = False
    codec: torch.dtype | None = None  # of the autoencoder's decoder; None: `dtype`


def make_networks(parts: Mapping[str, Part], tokenizer: Tokenizer, source: Path, target: Target) -> Networks:
    """Every network of a checkpoint, from its parts by name. `lyric_vocab.json` beside the weights is theirs."""
    transformer = make_transformer(parts[TRANSFORMER], target)
    vocabulary = (source if source.is_dir() else source.parent) / LYRIC_VOCAB
    return Networks(
        transformer=transformer,
        autoencoder=make_autoencoder(parts[AUTOENCODER], parts[VOCODER], target),
        text_encoder=make_text_encoder(parts[TEXT_ENCODER], tokenizer, transformer.config.erg.text, target),
        config=transformer.config,
        source=source,
        lyric_vocab=vocabulary if vocabulary.is_file() else None,
        device=target.device,
        dtype=target.dtype,
    )


def make_transformer(part: Part, target: Target) -> Transformer:
    """The transformer without dead weights."""
    with sizes_of_a_config():
        config = TransformerConfig.from_dict(part.config)
    empty = build_empty(lambda: Transformer(config))
    return fill(empty, without_dead(part.weights), part.where, target.dtype, target.device, target.int8, target.copy)


def make_autoencoder(dcae: Part, vocoder: Part, target: Target) -> MusicAutoencoder:
    """AutoencoderDC and vocoder; encoding parts in float32, decoding parts in the target's dtype."""
    model = build_empty(lambda: build_autoencoder_dc(dcae.config))
    model = fill(model, dcae.weights, dcae.where, torch.float32, target.device, copy=target.copy)
    model.decoder.to(target.dtype)
    return MusicAutoencoder(model, _make_vocoder(vocoder, target)).eval()


def _make_vocoder(part: Part, target: Target) -> Any:
    if part.config.get("_class_name") != "ADaMoSHiFiGANV1":
        with sizes_of_a_config():
            vocoder: Any = build_vocoder(part.config)
        if vocoder_has_weights(part.config):
            weights = {key.removeprefix("partials."): value for key, value in part.weights.items()}
            fill(vocoder.partials, weights, part.where, torch.float32, target.device)
        return vocoder.to(target.device)
    empty = build_empty(lambda: cast(Vocoder, build_vocoder(part.config)))
    vocoder = fill(empty, fold_weight_norm(part.weights), part.where, torch.float32, target.device, copy=target.copy)
    vocoder.backbone.to(target.dtype)
    vocoder.head.to(target.dtype)
    return vocoder


def vocoder_has_weights(config: Mapping[str, Any]) -> bool:
    """Whether a `music_vocoder/config.json` comes with a weights file: a spectral inversion alone has none."""
    return config.get("_class_name") != "SpectralInversionVocoder" or bool(config.get("partials"))


def make_text_encoder(part: Part, tokenizer: Tokenizer, erg_layers: tuple[int, ...], target: Target) -> TextEncoder:
    """UMT5's encoder; its embedding is one tensor under two names."""
    model = build_empty(lambda: build_umt5(part.config))
    weights = with_both_embeddings(part.weights)
    model = fill(model, weights, part.where, target.dtype, target.device, target.int8, target.copy)
    model.encoder.embed_tokens.weight = model.shared.weight
    return TextEncoder(model, tokenizer, erg_layers).eval()

"""Sizes of ACE-Step 1.5's networks, as their config.json files give them. Knows no folders: parsed dictionaries only.

Public checkpoints come with configs written by several libraries, which add keys of their own. So unknown keys are
passed over here, unlike v1's; what changes the numbers is checked by value, and weights are checked key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from engine.errors import CheckpointError

SLIDING = "sliding_attention"
FULL = "full_attention"
SAMPLES = "audio_acoustic_hidden_dim"
REMEDY = "Use a checkpoint of ACE-Step 1.5, with the config.json that belongs to its weights."


@dataclass(frozen=True, slots=True)
class BlocksConfig:
    """A stack of blocks. `windows` has one entry a layer: how far a position sees on each side, or None (all)."""

    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    windows: tuple[int | None, ...]
    rms_norm_eps: float = 1e-6
    rope_theta: float = 1e6
    causal: bool = False

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str, layers: int, prefix: str = "", causal: bool = False) -> Self:
        """Sizes of `layers` blocks; `prefix` ("encoder_") goes before the names of sizes where such keys are there."""
        sizes = {name: _size(raw, where, name, prefix) for name in cls._sizes()}
        config = cls(
            **sizes,
            windows=() if causal else read_windows(raw, where, layers),
            rms_norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
            rope_theta=read_theta(raw),
            causal=causal,
        )
        config = replace(config, windows=(None,) * layers) if causal else config
        config.check(raw, where)
        return config

    @staticmethod
    def _sizes() -> tuple[str, ...]:
        return ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim")

    def check(self, raw: Mapping[str, Any], where: str) -> None:
        """Raise CheckpointError for what this block does not compute."""
        if raw.get("attention_bias") or raw.get("hidden_act", "silu") != "silu":
            raise CheckpointError(
                f"{where}: got attention_bias {raw.get('attention_bias')} and hidden_act "
                f"{raw.get('hidden_act', 'silu')!r}, expected no bias and 'silu'. {REMEDY}"
            )
        if self.num_attention_heads % self.num_key_value_heads or self.head_dim % 2:
            raise CheckpointError(
                f"{where}: got {self.num_attention_heads} heads, {self.num_key_value_heads} key-value heads and "
                f"head_dim {self.head_dim}, expected a whole number of heads for each key-value head, and an even "
                f"head_dim. {REMEDY}"
            )

    @property
    def attention_width(self) -> int:
        """Channels of all queries together; XL's is not the hidden size."""
        return self.num_attention_heads * self.head_dim


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """The velocity network: blocks with modulation and cross-attention. `latent_channels` are those of a frame."""

    blocks: BlocksConfig
    latent_channels: int
    context_size: int
    patch_size: int = 2
    in_channels: int = 192
    is_turbo: bool = False
    model_version: str = ""
    wants_stem_captions: bool = False  # `is_lego_sft`: captions of another form; no published checkpoint has it

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str) -> Self:
        """A parsed config.json of either layout. Raises CheckpointError for sizes that contradict each other."""
        blocks = BlocksConfig.read(raw, where, required_int(raw, where, "num_hidden_layers"))
        latents = required_int(raw, where, SAMPLES)
        config = cls(
            blocks=blocks,
            latent_channels=latents,
            context_size=int(raw.get("encoder_hidden_size") or blocks.hidden_size),
            patch_size=required_int(raw, where, "patch_size"),
            in_channels=required_int(raw, where, "in_channels"),
            is_turbo=bool(raw.get("is_turbo", False)),
            model_version=str(raw.get("model_version") or ""),
            wants_stem_captions=bool(raw.get("is_lego_sft", False)),
        )
        if config.in_channels != 3 * latents:
            raise CheckpointError(
                f"{where}: got in_channels {config.in_channels}, expected {3 * latents}: source, mask and noisy "
                f"latents of {latents} channels each. {REMEDY}"
            )
        return config


@dataclass(frozen=True, slots=True)
class ConditionConfig:
    """Lyric encoder, timbre encoder and text projection; `timbre_frames` is the length of a reference clip."""

    lyric: BlocksConfig
    timbre: BlocksConfig
    text_size: int
    latent_channels: int
    timbre_frames: int = 750

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str) -> Self:
        """A parsed config.json of this part."""
        lyric = required_int(raw, where, "num_lyric_encoder_hidden_layers")
        timbre = required_int(raw, where, "num_timbre_encoder_hidden_layers")
        return cls(
            lyric=BlocksConfig.read(raw, where, lyric, "encoder_"),
            timbre=BlocksConfig.read(raw, where, timbre, "encoder_"),
            text_size=required_int(raw, where, "text_hidden_dim"),
            latent_channels=required_int(raw, where, "timbre_hidden_dim"),
            timbre_frames=int(raw.get("timbre_fix_frame") or 750),
        )


@dataclass(frozen=True, slots=True)
class AudioTokensConfig:
    """Frames to codes (a pooler over each `pool`) and back; `levels` are those of the finite scalar quantizer."""

    blocks: BlocksConfig
    latent_channels: int
    levels: tuple[int, ...] = ()
    pool: int = 5

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str) -> Self:
        """A parsed config.json of either layout. Raises CheckpointError for more than one quantizer."""
        if int(raw.get("fsq_input_num_quantizers") or 1) != 1:
            raise CheckpointError(
                f"{where}: got fsq_input_num_quantizers {raw['fsq_input_num_quantizers']}, expected 1. {REMEDY}"
            )
        blocks = BlocksConfig.read(raw, where, int(raw.get("num_attention_pooler_hidden_layers") or 2), "encoder_")
        return cls(
            blocks=blocks,
            latent_channels=required_int(raw, where, SAMPLES),
            levels=tuple(int(level) for level in raw.get("fsq_input_levels") or ()),
            pool=int(raw.get("pool_window_size") or 5),
        )


@dataclass(frozen=True, slots=True)
class OobleckConfig:
    """config.json of the autoencoder. Channels of a level are `base channels x multiples`, strides go down."""

    encoder_hidden_size: int
    downsampling_ratios: tuple[int, ...]
    channel_multiples: tuple[int, ...]
    decoder_channels: int
    decoder_input_channels: int
    audio_channels: int = 2
    sampling_rate: int = 48000

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str) -> Self:
        """A parsed `vae/config.json`. Raises CheckpointError for missing keys."""
        config = cls(
            encoder_hidden_size=required_int(raw, where, "encoder_hidden_size"),
            downsampling_ratios=tuple(int(n) for n in _required(raw, where, "downsampling_ratios")),
            channel_multiples=tuple(int(n) for n in _required(raw, where, "channel_multiples")),
            decoder_channels=required_int(raw, where, "decoder_channels"),
            decoder_input_channels=required_int(raw, where, "decoder_input_channels"),
            audio_channels=int(raw.get("audio_channels", 2)),
            sampling_rate=required_int({"sampling_rate": 48000, **raw}, where, "sampling_rate"),
        )
        if len(config.downsampling_ratios) != len(config.channel_multiples) or config.audio_channels != 2:
            raise CheckpointError(
                f"{where}: got {len(config.downsampling_ratios)} strides, {len(config.channel_multiples)} channel "
                f"multiples and {config.audio_channels} audio channels, expected as many strides as multiples, and "
                f"stereo. {REMEDY}"
            )
        return config

    @property
    def samples_per_frame(self) -> int:
        """Samples of a latent frame: the product of the strides."""
        product = 1
        for ratio in self.downsampling_ratios:
            product *= ratio
        return product


@dataclass(frozen=True, slots=True)
class TextEncoderConfig:
    """config.json of the text encoder (Qwen3)."""

    blocks: BlocksConfig
    vocab_size: int

    @classmethod
    def read(cls, raw: Mapping[str, Any], where: str) -> Self:
        """A parsed config.json as transformers 4 or 5 writes it."""
        layers = required_int(raw, where, "num_hidden_layers")
        if raw.get("use_sliding_window") or raw.get("rope_scaling"):
            raise CheckpointError(
                f"{where}: got use_sliding_window {raw.get('use_sliding_window')} and rope_scaling "
                f"{raw.get('rope_scaling')}, expected neither. {REMEDY}"
            )
        return cls(BlocksConfig.read(raw, where, layers, causal=True), required_int(raw, where, "vocab_size"))


def read_theta(raw: Mapping[str, Any]) -> float:
    """The base of the position angles; transformers 5 writes it into `rope_parameters`."""
    nested = raw.get("rope_parameters") or {}
    return float(raw.get("rope_theta") or nested.get("rope_theta") or 1e6)


def read_windows(raw: Mapping[str, Any], where: str, layers: int) -> tuple[int | None, ...]:
    """How far each layer sees: as `layer_types` says, else the first of every two layers has the window."""
    if raw.get("sliding_window") is None or raw.get("use_sliding_window") is False:
        return (None,) * layers
    window = required_int(raw, where, "sliding_window")
    kinds = raw.get("layer_types") or [SLIDING if n % 2 == 0 else FULL for n in range(layers)]
    if len(kinds) != layers or set(kinds) - {SLIDING, FULL}:
        raise CheckpointError(
            f"{where}: got layer_types {kinds}, expected {layers} of {SLIDING!r} and {FULL!r}. {REMEDY}"
        )
    return tuple(window if kind == SLIDING else None for kind in kinds)


def required_int(raw: Mapping[str, Any], where: str, name: str) -> int:
    """A size that has to be there."""
    value = _required(raw, where, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CheckpointError(f"{where}: got {name} {value!r}, expected a whole number above 0. {REMEDY}")
    return value


def _required(raw: Mapping[str, Any], where: str, name: str) -> Any:
    if raw.get(name) is None:
        raise CheckpointError(f"{where}: {name} is missing. {REMEDY}")
    return raw[name]


def _size(raw: Mapping[str, Any], where: str, name: str, prefix: str) -> int:
    return required_int(raw, where, prefix + name if prefix and raw.get(prefix + name) is not None else name)

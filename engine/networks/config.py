"""Sizes of the networks as their config.json files give them. Knows no folders: it reads parsed dictionaries only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, Self, TypeVar

from engine.errors import CheckpointError

_T = TypeVar("_T")

IGNORED_KEYS = frozenset({"_class_name", "_diffusers_version", "_name_or_path"})

RELEASED_ERG = {"transformer": (15, 16, 17, 18, 19), "lyric": (4, 5), "text": (8, 9)}


@dataclass(frozen=True, slots=True)
class ErgLayers:
    """Layers whose queries entropy-rectifying guidance weakens (ENGINE: arXiv 2506.00045); empty tuples are off."""

    transformer: tuple[int, ...] = ()
    lyric: tuple[int, ...] = ()
    text: tuple[int, ...] = ()

    @classmethod
    def released(cls, num_layers: int, num_lyric_blocks: int) -> Self:
        """v1's layer lists, kept as far as the layers exist (the text encoder's depth is checked by its own class)."""
        return cls(
            transformer=tuple(n for n in RELEASED_ERG["transformer"] if n < num_layers),
            lyric=tuple(n for n in RELEASED_ERG["lyric"] if n < num_lyric_blocks),
            text=RELEASED_ERG["text"],
        )


@dataclass(frozen=True, slots=True)
class LyricEncoderConfig:
    """Sizes of the lyric encoder; the release hard-codes them, so they are the defaults."""

    output_size: int = 1024
    attention_heads: int = 16
    linear_units: int = 4096
    num_blocks: int = 6


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """config.json of `ace_step_transformer/`, in its own words, plus the optional keys that this project adds."""

    num_layers: int
    num_attention_heads: int
    attention_head_dim: int
    inner_dim: int
    in_channels: int = 8
    out_channels: int = 8
    patch_size: tuple[int, int] = (16, 1)
    max_height: int = 16
    max_width: int = 32768
    max_position: int = 32768
    mlp_ratio: float = 2.5
    rope_theta: float = 1000000.0
    speaker_embedding_dim: int = 512
    text_embedding_dim: int = 768
    lyric_encoder_vocab_size: int = 6693
    lyric_hidden_size: int = 1024
    ssl_encoder_depths: tuple[int, ...] = ()
    ssl_latent_dims: tuple[int, ...] = ()
    ssl_names: tuple[str, ...] = ()
    lyric_encoder_config: LyricEncoderConfig = LyricEncoderConfig()
    lyric_input: Literal["lyrics", "beat_grid", "chord_grid"] = "lyrics"
    text_length: int = 0  # text states are padded to so many (masked), so that lyric ids keep their positions; 0: not
    pooled_text: bool = False  # the sum of the text states joins the timestep's embedding
    region_input: bool = False  # the network sees clean latents of what is kept, and where they are
    stem_words: tuple[str, ...] = ()  # instruments that mean "only this one" where no other tag is given
    default_request: Mapping[str, Any] = field(default_factory=dict)
    erg: ErgLayers = ErgLayers()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read a parsed config.json. Raises CheckpointError naming an unknown, missing or contradictory key."""
        values = read_fields(cls, raw, "ace_step_transformer/config.json")
        lyric = read_dataclass(LyricEncoderConfig, raw.get("lyric_encoder_config") or {}, "lyric_encoder_config")
        values["lyric_encoder_config"] = lyric
        values["erg"] = _read_erg(raw, int(raw["num_layers"]), lyric.num_blocks)
        config = cls(**values)
        config.check()
        return config

    @property
    def known_channels(self) -> int:
        """Channels of the `known` input of `Transformer.decode`: clean latents, and 1 where they are known."""
        return self.in_channels + 1 if self.region_input else 0

    def check(self) -> None:
        """Raise CheckpointError where sizes contradict each other."""
        if self.inner_dim != self.num_attention_heads * self.attention_head_dim:
            raise CheckpointError(
                f"transformer config: got inner_dim {self.inner_dim}, expected num_attention_heads x "
                f"attention_head_dim = {self.num_attention_heads * self.attention_head_dim}."
            )
        if self.lyric_hidden_size != self.lyric_encoder_config.output_size:
            raise CheckpointError(
                f"transformer config: got lyric_hidden_size {self.lyric_hidden_size}, expected the lyric encoder's "
                f"output_size {self.lyric_encoder_config.output_size}; give it in lyric_encoder_config."
            )
        if self.lyric_input not in ("lyrics", "beat_grid", "chord_grid"):
            raise CheckpointError(
                f"transformer config: got lyric_input {self.lyric_input!r}, expected 'lyrics', 'beat_grid' or "
                "'chord_grid'."
            )


@dataclass(frozen=True, slots=True)
class VocoderConfig:
    """config.json of `music_vocoder/` with `_class_name` ADaMoSHiFiGANV1, in its own words."""

    input_channels: int
    depths: tuple[int, ...]
    dims: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    num_mels: int
    upsample_initial_channel: int
    upsample_rates: tuple[int, ...]
    upsample_kernel_sizes: tuple[int, ...]
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    pre_conv_kernel_size: int = 13
    post_conv_kernel_size: int = 13
    sampling_rate: int = 44100
    n_fft: int = 2048
    win_length: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    f_min: float = 40
    f_max: float = 16000
    drop_path_rate: float = 0.0
    use_template: bool = False

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read a parsed config.json. Raises CheckpointError naming an unknown, missing or unsupported key."""
        config = cls(**read_fields(cls, raw, "music_vocoder/config.json"))
        if config.use_template or len(config.kernel_sizes) != 1:
            raise CheckpointError(
                "music_vocoder/config.json: got use_template or several kernel_sizes, expected the released "
                "vocoder's use_template false and one kernel size."
            )
        return config


def read_dataclass(cls: type[_T], raw: Mapping[str, Any], where: str) -> _T:
    """Make a config dataclass of a parsed JSON object; see `read_fields`."""
    return cls(**read_fields(cls, raw, where))


def read_fields(cls: type, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Values of a dataclass's fields found in `raw`, lists as tuples. Unknown or missing keys raise CheckpointError."""
    known = {f.name: f for f in fields(cls)}
    unknown = sorted(set(raw) - set(known) - IGNORED_KEYS)
    required = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    missing = [n for n in required if n not in raw]
    if unknown or missing:
        raise CheckpointError(
            f"{where}: unknown keys {unknown or 'none'}, missing keys {missing or 'none'}. "
            "The checkpoint is of another model or a newer version; use an ACE-Step v1 checkpoint."
        )
    return {name: _freeze(raw[name]) for name in known if name in raw}


def _freeze(value: Any) -> Any:
    return tuple(_freeze(v) for v in value) if isinstance(value, list) else value


def _read_erg(raw: Mapping[str, Any], num_layers: int, num_lyric_blocks: int) -> ErgLayers:
    if "erg" not in raw:
        return ErgLayers.released(num_layers, num_lyric_blocks)
    given = {name: layers or [] for name, layers in (raw["erg"] or {}).items()}
    return read_dataclass(ErgLayers, given, "transformer config, erg")

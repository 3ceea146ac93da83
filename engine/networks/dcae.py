"""AutoencoderDC (Chen et al., 2024): mel images to latents and back, under the released parameter names.

Knows no mel scale and no tiles. Features lie as (B, H, W, C) between layers, so that norms and 1x1 convolutions are
plain matrix products along the last dimension; images and latents come and go as (B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.networks.config import read_fields
from engine.networks.products import Linear, linear

NORM_EPS = 1e-5
EXPANSION = 4
PIECE_COLUMNS = 64  # of what is too large for that
MAPPED_BYTES = 1 << 25  # from which on glibc maps each block anew: its pages fault at every call
PIECE_VALUES = 1 << 16  # that a processor's cache holds beside what is made of them
Kinds = tuple[str, ...]
Sizes = tuple[int, ...]
Scales = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class DcaeConfig:
    """config.json of `music_dcae_f8c8/`, in its own words. Blocks are listed from the outermost level inwards."""

    in_channels: int
    latent_channels: int
    attention_head_dim: int
    encoder_block_types: Kinds
    decoder_block_types: Kinds
    encoder_block_out_channels: Sizes
    decoder_block_out_channels: Sizes
    encoder_layers_per_block: Sizes
    decoder_layers_per_block: Sizes
    encoder_qkv_multiscales: Scales
    decoder_qkv_multiscales: Scales
    upsample_block_type: str = "pixel_shuffle"
    downsample_block_type: str = "pixel_unshuffle"
    decoder_norm_types: str | Kinds = "rms_norm"
    decoder_act_fns: str | Kinds = "silu"
    decoder_conv_act_fn: str = "relu"
    encoder_out_shortcut: bool = True
    decoder_in_shortcut: bool = True
    scaling_factor: float = 1.0

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read a parsed config.json. Raises CheckpointError naming what is unknown, missing or not supported."""
        values = read_fields(cls, raw, "music_dcae_f8c8/config.json")
        for side in ("encoder", "decoder"):
            kinds = values[f"{side}_block_types"]
            levels = len(values[f"{side}_block_out_channels"])
            values[f"{side}_block_types"] = (kinds,) * levels if isinstance(kinds, str) else kinds
        config = cls(**values)
        config.check()
        return config

    def check(self) -> None:
        """Raise CheckpointError for what the music models do not use."""
        expected = {
            "decoder_norm_types": {"rms_norm"},
            "decoder_act_fns": {"silu"},
            "decoder_conv_act_fn": {"relu"},
            "encoder_block_types": {"ResBlock", "EfficientViTBlock"},
            "decoder_block_types": {"ResBlock", "EfficientViTBlock"},
            "upsample_block_type": {"interpolate", "pixel_shuffle"},
            "downsample_block_type": {"Conv", "conv", "pixel_unshuffle"},
        }
        for name, known in expected.items():
            value = getattr(self, name)
            if not known.issuperset((value,) if isinstance(value, str) else value):
                raise CheckpointError(
                    f"music_dcae_f8c8/config.json: got {name} {value!r}, expected {' or '.join(sorted(known))}. "
                    "Use an ACE-Step v1 checkpoint."
                )

    @property
    def local_levels(self) -> int:
        """Decoder levels, from the outermost, that are convolutions only; those further in attend globally."""
        kinds = self.decoder_block_types
        return kinds.index("EfficientViTBlock") if "EfficientViTBlock" in kinds else len(kinds)


class AutoencoderDC(nn.Module):
    """Both halves."""

    def __init__(self, config: DcaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)


class Encoder(nn.Module):
    """Images (B, in_channels, H, W) to latents (B, latent_channels, H / 8, W / 8)."""

    def __init__(self, config: DcaeConfig) -> None:
        super().__init__()
        widths, depths = config.encoder_block_out_channels, config.encoder_layers_per_block
        unshuffles = config.downsample_block_type == "pixel_unshuffle"
        first = widths[0] if depths[0] else widths[1]
        self.conv_in = _conv(config.in_channels, first) if depths[0] else _Down(
            config.in_channels, first, unshuffles, shortcut=False
        )  # fmt: skip
        self.down_blocks = nn.ModuleList()
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            kind, scales = config.encoder_block_types[level], config.encoder_qkv_multiscales[level]
            blocks = [_block(kind, width, config.attention_head_dim, scales) for _ in range(depth)]
            if depth and level + 1 < len(widths):
                blocks.append(_Down(width, widths[level + 1], unshuffles))
            self.down_blocks.append(nn.Sequential(*blocks))
        self.conv_out = _conv(widths[-1], config.latent_channels)
        self.group = widths[-1] // config.latent_channels if config.encoder_out_shortcut else 0

    def forward(self, image: Tensor) -> Tensor:
        """image (B, C, H, W) -> latents."""
        x = _apply(self.conv_in, _inside(image))
        for level in self.down_blocks:
            x = level(x)
        out = convolve(x, self.conv_out)
        if self.group:
            out = out + x.unflatten(-1, (-1, self.group)).mean(dim=-1)
        return _outside(out)


class Decoder(nn.Module):
    """Latents to images, in two parts: `deep` attends over the whole length, `local` is convolutions only."""

    def __init__(self, config: DcaeConfig) -> None:
        super().__init__()
        widths, depths = config.decoder_block_out_channels, config.decoder_layers_per_block
        self.local_levels = config.local_levels
        self.conv_in = _conv(config.latent_channels, widths[-1])
        self.repeats = widths[-1] // config.latent_channels if config.decoder_in_shortcut else 0
        interpolates = config.upsample_block_type == "interpolate"
        self.up_blocks = nn.ModuleList()
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            kind, scales = config.decoder_block_types[level], config.decoder_qkv_multiscales[level]
            blocks: list[nn.Module] = []
            if depth and level + 1 < len(widths):
                blocks.append(_Up(widths[level + 1], width, interpolates))
            blocks += [_block(kind, width, config.attention_head_dim, scales) for _ in range(depth)]
            self.up_blocks.append(nn.Sequential(*blocks))
        last = widths[0] if depths[0] else widths[1]
        self.norm_out = RmsNorm(last)
        self.conv_out = _conv(last, config.in_channels) if depths[0] else _Up(
            last, config.in_channels, interpolates, shortcut=False
        )  # fmt: skip

    def forward(self, latents: Tensor) -> Tensor:
        """latents (B, C, h, w) -> images (B, in_channels, 8 h, 8 w)."""
        return self.local(self.deep(latents))

    def deep(self, latents: Tensor) -> Tensor:
        """Features (B, H, W, C) after the levels that attend globally."""
        x = convolve(_inside(latents), self.conv_in)
        if self.repeats:
            x = x + _inside(latents).repeat_interleave(self.repeats, dim=-1)
        for level in reversed(self.up_blocks[self.local_levels :]):
            x = level(x)
        return x

    def local(self, features: Tensor) -> Tensor:
        """Features of `deep`, or a part of their width, to images."""
        x = features
        for level in reversed(self.up_blocks[: self.local_levels]):
            x = level(x)
        return _outside(_apply(self.conv_out, F.relu(self.norm_out(x))))


class RmsNorm(nn.Module):
    """Root-mean-square norm over the last dimension, with weight and bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), NORM_EPS) + self.bias

    def beside(self, x: Tensor, made: Tensor) -> Tensor:
        """x plus the norm of `made`, both (..., C); `made` may be written over.

        On a processor piece by piece, since a norm is five passes over what it is made of; the same numbers.
        """
        in_place = made.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if not in_place or made.dtype is not x.dtype or not (made.is_contiguous() and x.is_contiguous()):
            return x + self(made)
        rows = max(1, PIECE_VALUES // made.shape[-1])
        for before, part in zip(x.flatten(0, -2).split(rows), made.flatten(0, -2).split(rows), strict=True):
            torch.add(before, self(part), out=part)
        return made


class _ResBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _conv(width, width)
        self.conv2 = _conv(width, width, bias=False)
        self.norm = RmsNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm.beside(x, convolve(F.silu(convolve(x, self.conv1), inplace=True), self.conv2))


class _EfficientViTBlock(nn.Module):
    def __init__(self, width: int, head_dim: int, scales: Sizes) -> None:
        super().__init__()
        self.attn = _MultiscaleAttention(width, head_dim, scales)
        self.conv_out = _GatedConv(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.attn(x))


class _MultiscaleAttention(nn.Module):
    """ReLU linear attention over all of an image, on the projections and on convolutions of them (Cai et al., 2022).

    The projections are joined on channels and then cut into heads of 3 head_dim, so a head mixes channels of one
    projection: the weights were trained with that.
    """

    def __init__(self, width: int, head_dim: int, scales: Sizes) -> None:
        super().__init__()
        self.head_dim = head_dim
        inner = width // head_dim * head_dim
        self.to_q = Linear(width, inner, bias=False)
        self.to_k = Linear(width, inner, bias=False)
        self.to_v = Linear(width, inner, bias=False)
        self.to_qkv_multiscale = nn.ModuleList(_Multiscale(3 * inner, head_dim, size) for size in scales)
        self.to_out = Linear(inner * (1 + len(scales)), width, bias=False)
        self.norm_out = RmsNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.to_q(x), self.to_k(x), self.to_v(x)], dim=-1)
        joined = torch.cat([joined, *(scale(joined) for scale in self.to_qkv_multiscale)], dim=-1)
        heads = joined.flatten(1, 2).float().unflatten(-1, (-1, 3, self.head_dim))  # (B, HW, heads, 3, d)
        q, k, v = heads.permute(3, 0, 2, 1, 4)  # each (B, heads, HW, d)
        q, k = F.relu(q), F.relu(k)
        state, total = k.transpose(-1, -2) @ v, k.sum(dim=-2).unsqueeze(-1)  # (B, heads, d, d), (B, heads, d, 1)
        attended = (q @ state) / (q @ total + 1e-15)
        out = attended.transpose(1, 2).flatten(2).unflatten(1, x.shape[1:3])
        return self.norm_out.beside(x, self.to_out(out.to(x.dtype)))


class _Multiscale(nn.Module):
    def __init__(self, channels: int, head_dim: int, size: int) -> None:
        super().__init__()
        self.proj_in = nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels, bias=False)
        self.proj_out = nn.Conv2d(channels, channels, 1, groups=channels // head_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.proj_out.weight[:, :, 0, 0].unflatten(0, (self.proj_out.groups, -1))  # (groups, out, in)
        groups = convolve(x, self.proj_in).unflatten(-1, (self.proj_out.groups, -1))  # (B, H, W, groups, in)
        return torch.einsum("bhwgi,goi->bhwgo", groups, weight).flatten(-2)


class _GatedConv(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = EXPANSION * width
        self.conv_inverted = nn.Conv2d(width, 2 * hidden, 1)
        self.conv_depth = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden)
        self.conv_point = nn.Conv2d(hidden, width, 1, bias=False)
        self.norm = RmsNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.numel() * 2 * EXPANSION * x.element_size()
        if x.device.type != "cpu" or torch.is_grad_enabled() or wide <= MAPPED_BYTES:
            return self.norm.beside(x, self._mixed(x))
        made = torch.empty_like(x)
        for start in range(0, x.shape[2], PIECE_COLUMNS):  # each piece with the column that it sees on both sides
            first = max(start - 1, 0)
            piece = self._mixed(x[:, :, first : start + PIECE_COLUMNS + 1].contiguous())[:, :, start - first :]
            kept = made[:, :, start : start + PIECE_COLUMNS]
            kept.copy_(piece[:, :, : kept.shape[2]])
        return self.norm.beside(x, made)

    def _mixed(self, x: Tensor) -> Tensor:
        wide = F.silu(pointwise(x, self.conv_inverted), inplace=True)
        y, gate = convolve(wide, self.conv_depth).chunk(2, dim=-1)
        return pointwise(y * F.silu(gate), self.conv_point)


class _Down(nn.Module):
    """Half the height and width. `unshuffles`: the convolution keeps the size and pixels become channels."""

    def __init__(self, inputs: int, outputs: int, unshuffles: bool, shortcut: bool = True) -> None:
        super().__init__()
        self.unshuffles = unshuffles
        self.group = 4 * inputs // outputs if shortcut else 0
        self.conv = _conv(inputs, outputs // 4) if unshuffles else _conv(inputs, outputs, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = convolve(x, self.conv)
        y = pixels_to_channels(y) if self.unshuffles else y
        return y + pixels_to_channels(x).unflatten(-1, (-1, self.group)).mean(dim=-1) if self.group else y


class _Up(nn.Module):
    """Twice the height and width. `interpolates`: pixels are doubled before the convolution, else channels become
    pixels after it."""

    def __init__(self, inputs: int, outputs: int, interpolates: bool, shortcut: bool = True) -> None:
        super().__init__()
        self.interpolates = interpolates
        self.repeats = 4 * outputs // inputs if shortcut else 0
        self.conv = _conv(inputs, outputs if interpolates else 4 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = convolve(doubled(x), self.conv) if self.interpolates else channels_to_pixels(convolve(x, self.conv))
        return y + channels_to_pixels(x.repeat_interleave(self.repeats, dim=-1)) if self.repeats else y


def convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution of (B, H, W, C)."""
    y = F.conv2d(x.movedim(-1, 1), conv.weight, conv.bias, conv.stride, cast(Any, conv.padding), 1, conv.groups)
    return y.movedim(1, -1)


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 1x1 convolution of (B, H, W, C), as a matrix product."""
    return linear(x, conv.weight[:, :, 0, 0], conv.bias)


def doubled(x: Tensor) -> Tensor:
    """Each pixel of (B, H, W, C) four times."""
    b, h, w, c = x.shape
    return x[:, :, None, :, None].expand(b, h, 2, w, 2, c).reshape(b, 2 * h, 2 * w, c)


def channels_to_pixels(x: Tensor) -> Tensor:
    """(B, H, W, 4 C) -> (B, 2 H, 2 W, C); the four of a channel lie together, row by row."""
    b, h, w, c = x.shape
    return x.view(b, h, w, c // 4, 2, 2).permute(0, 1, 4, 2, 5, 3).reshape(b, 2 * h, 2 * w, c // 4)


def pixels_to_channels(x: Tensor) -> Tensor:
    """Inverse of `channels_to_pixels`."""
    b, h, w, c = x.shape
    return x.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, 4 * c)


def _conv(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)


def _block(kind: str, width: int, head_dim: int, scales: Sizes) -> nn.Module:
    return _ResBlock(width) if kind == "ResBlock" else _EfficientViTBlock(width, head_dim, scales)


def _apply(layer: nn.Module, x: Tensor) -> Tensor:
    return convolve(x, layer) if isinstance(layer, nn.Conv2d) else cast(Tensor, layer(x))


def _inside(image: Tensor) -> Tensor:
    return image.movedim(1, -1).contiguous()


def _outside(x: Tensor) -> Tensor:
    return x.movedim(-1, 1).contiguous()

"""v1's vocoder: log-mel to audio by a ConvNeXt backbone (Liu et al., 2022) and a HiFi-GAN head (Kong et al., 2020).

Knows no latents and no files. Weight norm is folded when the weights are loaded (`fold_weight_norm`), so that the
network runs on plain weights.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.config import VocoderConfig
from engine.networks.log_mel import LogMel
from engine.networks.products import Linear
from engine.networks.time_convolution import FULL, convolve, convolve_up, reach_of

LAYER_NORM_EPS = 1e-6
PIECE_VALUES = 1 << 17  # of one activation and row, so that a processor's cache holds it
SHORTEST_PIECE = 2048  # positions
WEIGHT_NORM_NAMES = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)


class Vocoder(nn.Module):
    """Both directions: `encode` makes log-mels, `decode` makes audio."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        self.sample_rate = config.sampling_rate
        self.hop_length = config.hop_length
        self.receptive_frames = receptive_frames(config)
        self.mel_transform = LogMel(
            config.sampling_rate, config.n_fft, config.hop_length, config.n_mels, config.f_min, config.f_max
        )
        self.backbone = _Backbone(config)
        self.head = _Head(config)

    def encode(self, audio: Tensor) -> Tensor:
        """audio (B, n) at `sample_rate`, n a multiple of `hop_length` -> log-mel float32 (B, 128, n / hop_length)."""
        return self.mel_transform(audio)

    def decode(self, log_mel: Tensor, frames: tuple[int, int] | None = None) -> Tensor:
        """log-mel (B, 128, F) -> audio float32 (B, F * hop_length), or of mel frames [first, last) only."""
        features = self.backbone(log_mel.to(self.head.conv_pre.weight.dtype))
        first, last = frames or (0, features.shape[2])
        return self.head(features.transpose(1, 2).contiguous(), first, last)[..., 0].float()


class _Backbone(nn.Module):
    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        kernel, dims = config.kernel_sizes[0], config.dims
        self.channel_layers = nn.ModuleList([_stem(config.input_channels, dims[0], kernel)])
        for before, after in itertools.pairwise(dims):
            self.channel_layers.append(nn.Sequential(_ChannelNorm(before), nn.Conv1d(before, after, 1)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(_ConvNeXtBlock(dim, kernel) for _ in range(depth)))
            for dim, depth in zip(dims, config.depths, strict=True)
        )
        self.norm = _ChannelNorm(dims[-1])

    def forward(self, x: Tensor) -> Tensor:
        """x (B, 128, F) -> (B, dims[-1], F)."""
        for channels, stage in zip(self.channel_layers, self.stages, strict=True):
            x = stage(channels(x))
        return self.norm(x)


def _stem(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="replicate")
    return nn.Sequential(conv, _ChannelNorm(outputs))


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, F)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=LAYER_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class _ConvNeXtBlock(nn.Module):
    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), 1e-6))
        self.dwconv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.pwconv1 = Linear(dim, 4 * dim)
        self.pwconv2 = Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).transpose(1, 2))  # (B, F, C)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.transpose(1, 2)


@dataclass(frozen=True)
class _Stage:
    """Makes `rate` positions of each, which see `reach` of them on both sides."""

    work: Callable[[Tensor], Tensor]
    reach: int
    rate: int = 1


def margins(stages: Sequence[_Stage]) -> list[int]:
    """For each stage the positions of its input, on each side, that what is wanted in the end depends on, in whole
    groups of neighbours that a convolution of few channels joins."""
    found, margin = list[int](), 0
    for stage in reversed(stages):
        margin = math.ceil((margin / stage.rate + stage.reach) / FULL) * FULL
        found.append(margin)
    return found[::-1]


class _Head(nn.Module):
    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        width, pre, post = config.upsample_initial_channel, config.pre_conv_kernel_size, config.post_conv_kernel_size
        self.kernels = len(config.resblock_kernel_sizes)
        self.conv_pre = nn.Conv1d(config.num_mels, width, pre, padding=pre // 2)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            half = width // 2
            self.ups.append(nn.ConvTranspose1d(width, half, kernel, rate, padding=(kernel - rate) // 2))
            self.resblocks.extend(
                ResBlock(half, size, dilations)
                for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
            )
            width = half
        self.conv_post = nn.Conv1d(width, 1, post, padding=post // 2)

    def forward(self, x: Tensor, first: int, last: int) -> Tensor:
        """x (B, F, num_mels) -> what frames [first, last) become, (B, (last - first) * hop_length, 1).

        Before each stage x is cut to what its outputs and the later stages' see of it.
        """
        stages = self._stages()
        begins = 0  # x's first position, of all
        for stage, margin in zip(stages, margins(stages), strict=True):
            start, end = max(0, first - margin - begins), last + margin - begins
            x = in_pieces(stage.work, x[:, start:end], stage.reach, stage.rate)
            begins, first, last = (begins + start) * stage.rate, first * stage.rate, last * stage.rate
        return x[:, first - begins : last - begins]

    def _stages(self) -> list[_Stage]:
        pre, post = self.conv_pre, self.conv_post
        stages = [_Stage(partial(convolve, conv=pre), reach_of(pre))]
        for level, module in enumerate(self.ups):
            up, blocks = cast(nn.ConvTranspose1d, module), self._blocks(level)
            work = partial(raised, up=up, blocks=blocks)
            stages.append(_Stage(work, level_reach(up, blocks), up.stride[0]))
        return [*stages, _Stage(lambda part: convolve(F.silu(part), post).tanh_(), reach_of(post))]

    def _blocks(self, level: int) -> list[ResBlock]:
        return cast("list[ResBlock]", list(self.resblocks[level * self.kernels : (level + 1) * self.kernels]))


def raised(x: Tensor, up: nn.ConvTranspose1d, blocks: Sequence[ResBlock]) -> Tensor:
    """One level: x (B, L, C) -> (B, L * rate, C / 2)."""
    x = convolve_up(F.silu(x), up)
    active = F.silu(x)
    total = cast(Tensor, blocks[0](x, active))
    for block in blocks[1:]:
        total += block(x, active)
    return total.div_(len(blocks))


def level_reach(up: nn.ConvTranspose1d, blocks: Sequence[ResBlock]) -> int:
    """Positions of a level's input on each side that one of its outputs depends on, rounded up to whole groups of
    neighbours that a convolution of few channels joins."""
    positions = math.ceil((up.kernel_size[0] + max(block.reach for block in blocks)) / up.stride[0])
    return math.ceil(positions / FULL) * FULL


class ResBlock(nn.Module):
    """Pairs of convolutions, the first of each dilated, each pair beside a shortcut: (B, L, C) -> (B, L, C)."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same_conv(channels, kernel, d) for d in dilations)
        self.convs2 = nn.ModuleList(_same_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor, active: Tensor) -> Tensor:
        """`active` is the activation of x, which blocks beside each other share."""
        for index, (dilated, plain) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            y = convolve(F.silu(x) if index else active, cast(nn.Conv1d, dilated))
            x = convolve(F.silu(y, inplace=True), cast(nn.Conv1d, plain)).add_(x)
        return x

    @property
    def reach(self) -> int:
        """Positions on each side that one position depends on."""
        return sum(reach_of(cast(nn.Conv1d, conv)) for conv in (*self.convs1, *self.convs2))


def in_pieces(work: Callable[[Tensor], Tensor], x: Tensor, reach: int, rate: int = 1) -> Tensor:
    """What `work` makes of x (B, L, C), `rate` positions of each, which see `reach` on both sides: (B, L * rate, C').

    On a processor piece by piece, so that what lies between two convolutions stays in the cache, and since oneDNN keeps
    tables of 32 bytes a position for every convolution and length that it has met.
    """
    length = x.shape[1]
    size = max(1, max(SHORTEST_PIECE, PIECE_VALUES * rate // x.shape[2]) // rate)
    if x.device.type != "cpu" or length <= size + reach:
        return work(x)
    pieces = []
    for start in range(0, length, size):
        end = min(start + size, length)
        first, last = max(0, start - reach), min(length, end + reach)
        pieces.append(work(x[:, first:last])[:, (start - first) * rate : (end - first) * rate])
    return torch.cat(pieces, dim=1)


def _same_conv(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)


def fold_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace each pair of length g and direction v by `weight` = g v / |v|, norms over all dimensions but the first.

    Computed in float32 (Salimans and Kingma, 2016). Pairs are `weight_g`, `weight_v`, or torch's newer
    `parametrizations.weight.original0`, `original1`. Other entries stay as they are; so does half a pair, for the
    loader to name.
    """
    folded = dict(state)
    for length_name, direction_name in WEIGHT_NORM_NAMES:
        for key in [k for k in folded if k.endswith(direction_name)]:
            module = key.removesuffix(direction_name)
            if module + length_name in folded:
                direction, length = folded.pop(key).float(), folded.pop(module + length_name).float()
                norms = torch.linalg.vector_norm(direction.flatten(1), dim=1).view(length.shape)
                folded[module + ".weight"] = direction * (length / norms)
    return folded


def receptive_frames(config: VocoderConfig) -> int:
    """Mel frames on each side that a sample of `decode` can depend on, rounded up."""
    frames = config.kernel_sizes[0] // 2 * (1 + sum(config.depths)) + config.pre_conv_kernel_size // 2 + 0.0
    samples_per_frame = 1
    widest = max(
        size // 2 * (sum(dilations) + len(dilations))
        for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
    )
    for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
        samples_per_frame *= rate
        frames += (kernel + widest) / samples_per_frame
    return math.ceil(frames + config.post_conv_kernel_size // 2 / samples_per_frame)

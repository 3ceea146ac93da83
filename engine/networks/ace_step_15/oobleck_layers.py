"""The layers of the Oobleck autoencoder as they are written: convolutions over columns (channels, time)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from engine.networks.ace_step_15.config import OobleckConfig

DILATIONS = (1, 3, 9)
KERNEL = 7
UNITS_REACH = sum(dilation * (KERNEL // 2) for dilation in DILATIONS)  # of the three units together, each side
EPSILON = 1e-9


class Snake(nn.Module):
    """x + sin(e^alpha x)^2 / e^beta for each channel (Ziyin et al., 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(1, channels, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, n) -> (B, C, n)."""
        return torch.addcdiv(x, (self.alpha.exp() * x).sin().square_(), self.beta.exp() + EPSILON)


class ResidualUnit(nn.Module):
    """A dilated convolution and one across channels, around which the input goes."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.snake1 = Snake(channels)
        self.conv1 = nn.Conv1d(channels, channels, KERNEL, dilation=dilation, padding=dilation * (KERNEL // 2))
        self.snake2 = Snake(channels)
        self.conv2 = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, n) -> (B, C, n)."""
        return x + cast(Tensor, self.conv2(self.snake2(self.conv1(self.snake1(x)))))


class EncoderBlock(nn.Module):
    """Three residual units, then down by the stride."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.res_unit1, self.res_unit2, self.res_unit3 = (ResidualUnit(channels, d) for d in DILATIONS)
        self.snake1 = Snake(channels)
        self.conv1 = nn.Conv1d(channels, out_channels, 2 * stride, stride, math.ceil(stride / 2))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, n) -> (B, C', n / stride)."""
        x = self.res_unit3(self.res_unit2(self.res_unit1(x)))
        return cast(Tensor, self.conv1(self.snake1(x)))


class DecoderBlock(nn.Module):
    """Up by the stride, then three residual units."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.snake1 = Snake(channels)
        self.conv_t1 = nn.ConvTranspose1d(channels, out_channels, 2 * stride, stride, math.ceil(stride / 2))
        self.res_unit1, self.res_unit2, self.res_unit3 = (ResidualUnit(out_channels, d) for d in DILATIONS)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, n) -> (B, C', n stride)."""
        x = self.conv_t1(self.snake1(x))
        return cast(Tensor, self.res_unit3(self.res_unit2(self.res_unit1(x))))


class Encoder(nn.Module):
    """Audio to mean and scale."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        base, strides = config.encoder_hidden_size, config.downsampling_ratios
        widths = [base, *(base * multiple for multiple in config.channel_multiples)]
        self.conv1 = nn.Conv1d(config.audio_channels, base, KERNEL, padding=KERNEL // 2)
        self.block = nn.ModuleList(EncoderBlock(widths[n], widths[n + 1], stride) for n, stride in enumerate(strides))
        self.snake1 = Snake(widths[-1])
        self.conv2 = nn.Conv1d(widths[-1], config.encoder_hidden_size, 3, padding=1)

    def forward(self, audio: Tensor) -> Tensor:
        """audio (B, 2, n) -> (B, 2 C, n / hop)."""
        x = self.conv1(audio)
        for block in self.block:
            x = block(x)
        return cast(Tensor, self.conv2(self.snake1(x)))


class Decoder(nn.Module):
    """Latents to audio; nothing limits it."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        widths = [config.decoder_channels * multiple for multiple in (1, *config.channel_multiples)][::-1]
        strides = config.downsampling_ratios[::-1]
        self.conv1 = nn.Conv1d(config.decoder_input_channels, widths[0], KERNEL, padding=KERNEL // 2)
        self.block = nn.ModuleList(DecoderBlock(widths[n], widths[n + 1], stride) for n, stride in enumerate(strides))
        self.snake1 = Snake(widths[-1])
        self.conv2 = nn.Conv1d(widths[-1], config.audio_channels, KERNEL, padding=KERNEL // 2, bias=False)

    def forward(self, latents: Tensor) -> Tensor:
        """latents (B, C, T) -> audio (B, 2, T hop)."""
        x = self.conv1(latents)
        for block in self.block:
            x = block(x)
        return cast(Tensor, self.conv2(self.snake1(x)))

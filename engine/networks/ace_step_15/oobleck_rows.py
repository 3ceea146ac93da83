"""The Oobleck autoencoder over rows (time, channels) on a processor: convolutions as products of rows, in blocks.

    stride s, kernel 2 s: rows of s inputs, times each half of the kernel
    its transpose:        each row and the one before it -> s rows

The same numbers as `Encoder` and `Decoder` to rounding; residual units are `residual_rows`. What is made of weights is
made at each call: it costs little, and would take as much memory again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.networks.ace_step_15.oobleck_layers import (
    Decoder,
    DecoderBlock,
    Encoder,
    EncoderBlock,
    ResidualUnit,
    Snake,
)
from engine.networks.ace_step_15.residual_rows import FASTER, RowSnake, RowUnit, kind_of, shares
from engine.networks.beside import Team, team

NARROWEST = 96  # channels of a level, from which on rows are worth it
BLOCK_ROWS = 256


def takes(network: Encoder | Decoder, x: Tensor) -> bool:
    """Whether an input goes over rows: float32 on a processor, without gradients, wide, and some units faster so."""
    plain = x.device.type != "cpu" or x.dtype is not torch.float32 or torch.is_grad_enabled()
    return not plain and bool(x.shape[-1] and FASTER.taken) and is_wide(network)


def is_wide(network: Encoder | Decoder) -> bool:
    """Whether each level has channels enough."""
    units: Iterable[EncoderBlock | DecoderBlock] = network.block  # type: ignore[assignment]
    return min(block.res_unit1.conv1.out_channels for block in units) >= NARROWEST


def lay_out(*networks: Encoder | Decoder) -> None:
    """Put weights in memory in the order in which products here take them; shapes and numbers stay as they are.

    Without, the same is made anew at each call, a tenth of a second for all.
    """
    for module in (part for network in networks for part in network.modules()):
        if isinstance(module, nn.Conv1d) and module.kernel_size[0] > 1:
            module.weight.data = module.weight.data.permute(2, 1, 0).contiguous().permute(2, 1, 0)
        elif isinstance(module, nn.ConvTranspose1d):
            module.weight.data = module.weight.data.permute(0, 2, 1).contiguous().permute(0, 2, 1)


def decode(decoder: Decoder, latents: Tensor) -> Tensor:
    """latents float32 (B, C, T) -> audio (B, 2, T hop)."""
    with team(torch.get_num_threads()) as beside:
        return torch.stack([_decode(decoder, item, beside) for item in latents])


def encode(encoder: Encoder, audio: Tensor) -> Tensor:
    """audio float32 (B, 2, n) -> mean and scale (B, 2 C, n / hop)."""
    with team(torch.get_num_threads()) as beside:
        return torch.stack([_encode(encoder, item, beside) for item in audio])


def _decode(decoder: Decoder, latents: Tensor, beside: Team) -> Tensor:
    x = decoder.conv1(latents[None])[0].T.contiguous()
    for block in decoder.block:
        x = _units(_up(x, block, beside), block, beside)  # type: ignore[arg-type]
    return _out(x, decoder.snake1, decoder.conv2, beside)


def _encode(encoder: Encoder, audio: Tensor, beside: Team) -> Tensor:
    x = _in(audio, encoder.conv1)
    for block in encoder.block:
        x = _down(_units(x, block, beside), block, beside)  # type: ignore[arg-type]
    made: Tensor = encoder.conv2(encoder.snake1(x.T[None]))
    return made[0]


def _units(x: Tensor, block: EncoderBlock | DecoderBlock, beside: Team) -> Tensor:
    for unit in (block.res_unit1, block.res_unit2, block.res_unit3):
        x = _unit(x, unit, beside)
    return x


def _unit(x: Tensor, unit: ResidualUnit, beside: Team) -> Tensor:
    if kind_of(x.shape[1]) in FASTER.taken:
        return RowUnit.of(unit).make(x, beside)
    made: Tensor = unit(x.T[None].contiguous())
    return made[0].T.contiguous()


def _up(x: Tensor, block: DecoderBlock, beside: Team) -> Tensor:
    """x (n, C) -> (n stride, C'): row i of all is input i times the kernel's first half and i - 1 times its second."""
    conv, rows = block.conv_t1, len(x)
    stride, padding = conv.stride[0], _padding(conv)
    first, second = conv.weight.permute(0, 2, 1).reshape(x.shape[1], 2, -1).unbind(1)  # (C, s C') each
    bias = _bias(conv).repeat(stride)
    out = x.new_empty(rows + 1, len(bias))

    def make(starts: Sequence[int]) -> None:
        for start in starts:
            made = out[start : start + BLOCK_ROWS]
            sounding = _sounding(x, block.snake1, start - 1, len(made) + 1)
            torch.addmm(bias, sounding[1:], first, out=made)
            made.addmm_(sounding[:-1], second)

    beside(make, shares(range(0, len(out), BLOCK_ROWS)))
    return out.view((rows + 1) * stride, -1)[padding : (rows + 1) * stride - padding]


def _down(x: Tensor, block: EncoderBlock, beside: Team) -> Tensor:
    """x (n, C) -> (n / stride, C')."""
    conv, (rows, channels) = block.conv1, x.shape
    stride, padding = conv.stride[0], _padding(conv)
    first, second = conv.weight.unflatten(2, (2, stride)).permute(2, 3, 1, 0).flatten(1, 2)  # (s C, C') each
    out = x.new_empty((rows + 2 * padding) // stride - 1, conv.out_channels)

    def make(starts: Sequence[int]) -> None:
        for start in starts:
            made = out[start : start + BLOCK_ROWS]
            sounding = _sounding(x, block.snake1, start * stride - padding, (len(made) + 1) * stride)
            wide = sounding.view(len(made) + 1, stride * channels)
            torch.addmm(_bias(conv), wide[:-1], first, out=made)
            made.addmm_(wide[1:], second)

    beside(make, shares(range(0, len(out), BLOCK_ROWS)))
    return out


def _in(audio: Tensor, conv: nn.Conv1d) -> Tensor:
    """audio (2, n) -> (n, C)."""
    kernel, padding = conv.kernel_size[0], _padding(conv)
    around = F.pad(audio, (padding, padding)).unfold(1, kernel, 1)  # (2, n, kernel)
    return torch.addmm(_bias(conv), around.transpose(0, 1).flatten(1), conv.weight.flatten(1).T)


def _out(x: Tensor, snake: Snake, conv: nn.Conv1d, beside: Team) -> Tensor:
    """x (n, C) -> audio (2, n): a product for each place of the kernel, and the sums along its diagonal."""
    (outputs, _, kernel), padding = conv.weight.shape, _padding(conv)
    weight = conv.weight.permute(1, 2, 0).flatten(1)  # (C, kernel 2)
    parts = x.new_zeros(len(x) + 2 * padding, kernel * outputs)
    inner = parts[padding : padding + len(x)]

    def make(starts: Sequence[int]) -> None:
        for start in starts:
            made = inner[start : start + BLOCK_ROWS]
            torch.mm(_sounding(x, snake, start, len(made)), weight, out=made)

    beside(make, shares(range(0, len(x), BLOCK_ROWS)))
    row = kernel * outputs
    return parts.as_strided((len(x), kernel, outputs), (row, row + outputs, 1)).sum(1).T


def _sounding(x: Tensor, snake: Snake, first: int, rows: int) -> Tensor:
    """Rows first ... first + rows - 1 of x after its snake, zeros where x has none."""
    out, between = x.new_empty(2, rows, x.shape[1])
    RowSnake.of(snake).make_padded(x, first, out, between)
    return out


def _bias(conv: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _padding(conv: nn.Conv1d | nn.ConvTranspose1d) -> int:
    padding = conv.padding[0]
    assert isinstance(padding, int)
    return padding

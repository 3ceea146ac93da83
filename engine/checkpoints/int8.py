"""Weights of linear layers in 8 bits, through torchao: a scale for each output, activations as they are.

A quarter of float32's memory, half of bfloat16's. Rounded are the matrices inside the blocks of transformer, lyric
encoder and text encoder, which hold nearly all weights; embeddings, in- and output layers and the autoencoder are not.
torchao is optional. Knows no model and no memory mode.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import EngineError
from engine.extras import how_to_install

_ROUNDED = re.compile(
    r"transformer_blocks\.\d+\.(attn|cross_attn)\.to_.*weight"
    r"|transformer_blocks\.\d+\.ff\.(inverted_conv|point_conv)\.conv\.weight"
    r"|lyric_encoder\.encoders\.\d+\.(self_attn\.linear_\w+|feed_forward\.w_\d)\.weight"
    r"|([\w.]+\.)?layers\.\d+\.((self_attn|cross_attn)\.[qkvo]_proj|mlp\.(gate|up|down)_proj)\.weight"
    r"|(model\.)?encoder\.block\.\d+\.layer\.\d+\.\w+\.(q|k|v|o|wi_0|wi_1|wo)\.weight"
)
DEVICES = ("cpu", "cuda")


def is_available(device: torch.device | str) -> bool:
    """Whether 8-bit weights can be used: torchao is there, and knows the device."""
    return torch.device(device).type in DEVICES and importlib.util.find_spec("torchao") is not None


def check_available(device: torch.device | str) -> None:
    """Raise EngineError saying what to do where 8-bit weights cannot be used."""
    if torch.device(device).type not in DEVICES:
        raise EngineError(f"memory: got int8 on {device}, expected {' or '.join(DEVICES)}. Choose another mode.")
    if importlib.util.find_spec("torchao") is None:
        raise EngineError(
            f"memory: got int8, which needs torchao. Choose another mode, or install it: {how_to_install('int8')}"
        )


def is_rounded(name: str) -> bool:
    """Whether the weight of that name is one that is held in 8 bits."""
    return _ROUNDED.fullmatch(name) is not None


def to_int8(weight: Tensor) -> Tensor:
    """A weight (out, in), or (out, in, 1) of a 1x1 convolution, as an 8-bit matrix that linear layers take."""
    matrix = weight.detach().flatten(1).contiguous()
    tensor: Tensor = _torchao().from_hp(matrix, granularity=_granularity())
    return tensor


def is_int8(tensor: Tensor) -> bool:
    """Whether a tensor is held in 8 bits."""
    return hasattr(tensor, "qdata")


def as_float(tensor: Tensor) -> Tensor:
    """The numbers of a weight in float32, whatever it is held in."""
    given: Any = tensor
    return (given.dequantize() if is_int8(tensor) else tensor).float()


def round_weights(module: nn.Module) -> None:
    """Hold a module's matrices in 8 bits from now on. Each one's floats are let go before the next is made.

    The others are copied on a processor, so that nothing keeps the file mapped that they were read from.
    """
    copies: dict[int, nn.Parameter] = {}  # tied weights stay tied
    with torch.inference_mode(False), torch.no_grad():
        for name, weight in list(module.named_parameters(remove_duplicate=False)):
            if is_rounded(name) and not is_int8(weight):
                put(module, name, to_int8(weight))
            elif weight.device.type == "cpu" and not is_int8(weight):
                if id(weight) not in copies:
                    copies[id(weight)] = nn.Parameter(weight.clone(), requires_grad=False)
                put(module, name, copies[id(weight)])


def put(module: nn.Module, name: str, weight: Tensor) -> None:
    """Replace a parameter by its dotted name."""
    path, _, last = name.rpartition(".")
    parameter = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight, requires_grad=False)
    setattr(module.get_submodule(path), last, parameter)


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes that a tensor takes, 8-bit ones with their scales."""
    given: Any = tensor
    parts = (given.qdata, given.scale) if is_int8(tensor) else (tensor,)
    return sum(part.numel() * part.element_size() for part in parts)


def bytes_when_rounded(module: nn.Module) -> int:
    """Bytes that a module will take with its matrices in 8 bits."""
    total = sum(tensor_bytes(buffer) for buffer in module.buffers())
    for name, weight in module.named_parameters():
        to_round = is_rounded(name) and not is_int8(weight)
        total += weight.numel() + 4 * weight.shape[0] if to_round else tensor_bytes(weight)
    return total


@cache
def _torchao() -> Any:
    """torchao's tensor type. Its import is noisy about kernels for other machines; that concerns nobody here."""
    noisy = [logging.getLogger(name) for name in ("torchao", "torch.utils._pytree")]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("torchao.quantization").Int8Tensor
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)


@cache
def _granularity() -> Any:
    return importlib.import_module("torchao.quantization.granularity").PerRow()

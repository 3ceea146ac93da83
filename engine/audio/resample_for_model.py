"""Sample-rate conversion into the model, and the reference's 44.1 to 48 kHz. Needs torch; knows no files.

A Hann-windowed sinc of 6 zero crossings on each side with a roll-off of 0.99, exactly as the reference's encoder saw
it in training (ENGINE_SPEC.md, end of section 6); other converters differ by 0.3 %, which the log-mel magnifies.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_ZERO_CROSSINGS = 6
_ROLL_OFF = 0.99


def resample_for_model(samples: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """(..., n) at `from_rate` to (..., ceil(n to_rate / from_rate)) at `to_rate`, float32, on the same device."""
    samples = samples.float()
    if from_rate == to_rate:
        return samples
    divisor = math.gcd(from_rate, to_rate)
    stride, phases = from_rate // divisor, to_rate // divisor
    kernel, width = _kernel(stride, phases)
    flat = samples.reshape(-1, 1, samples.shape[-1])  # (B, 1, n)
    padded = F.pad(flat, (width, width + stride))
    filtered = F.conv1d(padded, kernel.to(samples.device), stride=stride)  # (B, phases, m)
    interleaved = filtered.transpose(1, 2).reshape(flat.shape[0], -1)  # (B, m * phases)
    length = -(-phases * samples.shape[-1] // stride)
    return interleaved[:, :length].reshape(*samples.shape[:-1], length)


@lru_cache(maxsize=16)
def _kernel(stride: int, phases: int) -> tuple[Tensor, int]:
    """One filter a phase, (phases, 1, 2 width + stride), made in float64; and its width in samples."""
    band = _ROLL_OFF * min(stride, phases)
    width = math.ceil(_ZERO_CROSSINGS * stride / band)
    index = torch.arange(-width, width + stride, dtype=torch.float64) / stride  # (K,)
    phase = torch.arange(phases, dtype=torch.float64)[:, None] / phases  # (phases, 1)
    t = (band * (index - phase)).clamp(-_ZERO_CROSSINGS, _ZERO_CROSSINGS)  # (phases, K)
    window = torch.cos(math.pi * t / (2 * _ZERO_CROSSINGS)) ** 2
    kernel = torch.sinc(t) * window * band / stride
    return kernel.float()[:, None, :], width

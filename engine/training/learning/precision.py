"""In which numbers networks are trained. Knows no network."""

from __future__ import annotations

import torch


def has_bfloat16() -> bool:
    """Whether this processor computes products and convolutions in bfloat16 (on x86: AVX-512)."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def mixed_precision() -> torch.autocast:
    """bfloat16 where the processor has it, else float32: without it a convolution takes 55 times as long."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16())

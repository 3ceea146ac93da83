"""What a processor multiplies best is measured, and a large model of 16 bits is held so where that is faster."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.checkpoints.int8 import to_int8
from engine.families.number_types import LARGE_BYTES, dtype_of
from engine.memory import processor
from engine.memory.processor import Rates
from engine.networks.products import Linear, integer_linear, multiply_integers
from tests.support.golden15_runs import OURS
from tests.support.paths import TINY

CPU, TURBO = torch.device("cpu"), OURS / "tiny_checkpoint" / "turbo"


def test_rates_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "WIDTH", 64)
    monkeypatch.setattr(processor, "ROUNDS", 1)
    processor.rates.cache_clear()
    measured = processor.rates()
    assert measured.float32 > 0 and measured.bfloat16 > 0 and measured.int8 >= 0
    assert processor.rates() is measured
    processor.rates.cache_clear()


@pytest.mark.parametrize(
    ("checkpoint", "size", "rates", "expected"),
    [
        (TURBO, LARGE_BYTES, Rates(1.0, 1.7, 3.0), torch.bfloat16),
        (TURBO, LARGE_BYTES, Rates(1.0, 1.1, 3.0), torch.float32),  # 8 bits are not taken for speed alone
        (TURBO, LARGE_BYTES - 1, Rates(1.0, 1.7, 3.0), torch.float32),
        (TINY, LARGE_BYTES, Rates(1.0, 1.7, 3.0), torch.float32),  # v1's weights are of 32 bits
    ],
)
def test_the_faster_type_is_taken_for_a_large_model_of_16_bits(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, size: int, rates: Rates, expected: torch.dtype
) -> None:
    monkeypatch.setattr(processor, "rates", lambda: rates)
    assert dtype_of(checkpoint, size, CPU) is expected
    assert dtype_of(checkpoint, size, CPU, "fp32") is torch.float32


def test_products_that_overflow_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """With AVX2 alone, oneDNN gave 261,120 for a sum of 33,032,192."""
    monkeypatch.setattr(processor, "WIDTH", 64)
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: (a.int() @ b.int()).clamp(-32768, 32767))
    processor.rates.cache_clear()
    measured = processor.rates()
    assert measured.int8 == 0.0 and not measured.integers_pay
    processor.rates.cache_clear()


@pytest.mark.skipif(not processor.integers_are_exact(), reason="this processor's 8-bit products overflow: not taken")
def test_a_product_of_whole_numbers_is_near_the_true_one() -> None:
    torch.manual_seed(0)
    x, layer = torch.randn(2, 5, 48), Linear(48, 64)
    layer.requires_grad_(False)
    expected = layer(x)
    layer.weight = torch.nn.Parameter(to_int8(layer.weight), requires_grad=False)
    multiply_integers(layer)
    made = layer(x)
    assert 0 < float((made - expected).norm() / expected.norm()) < 0.02
    assert torch.equal(made, integer_linear(x, layer.weight, layer.bias))
    assert torch.equal(layer(torch.zeros(1, 48)), layer.bias[None])

"""What this machine's processor multiplies best: rates of float32, bfloat16 and 8-bit products, measured.

Whether a processor has AVX512-BF16, AMX or VNNI does not tell what a product costs with them: one is timed. Knows no
model.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch

from engine.networks.products import linear

ROWS, WIDTH = 256, 2048  # some seconds of music in a large model
ROUNDS = 4
WORTH = 1.2  # times as fast, from which on rounding to fewer bits is worth it


@dataclass(frozen=True)
class Rates:
    """Operations a second of a product with weights, with the threads that torch has; 0 where it cannot be done."""

    float32: float
    bfloat16: float
    int8: float

    @property
    def halves_pay(self) -> bool:
        """Whether bfloat16 is clearly faster than float32."""
        return self.bfloat16 >= WORTH * self.float32

    @property
    def integers_pay(self) -> bool:
        """Whether 8-bit products are clearly faster than both."""
        return self.int8 >= WORTH * max(self.float32, self.bfloat16)


@cache
def rates() -> Rates:
    """Those of this machine; takes a fraction of a second, once a process."""
    x, weight = torch.ones(ROWS, WIDTH), torch.ones(WIDTH, WIDTH)
    halves, half_weight = x.bfloat16(), weight.bfloat16()
    integers, integer_weight = x.to(torch.int8), weight.to(torch.int8).t()
    measured = Rates(
        *_rates(
            (
                lambda: linear(x, weight),
                lambda: linear(halves, half_weight),
                lambda: torch._int_mm(integers, integer_weight),
            )
        )
    )
    return measured if integers_are_exact() else replace(measured, int8=0.0)


def integers_are_exact() -> bool:
    """Whether sums of 8-bit products are true here: AVX2 without VNNI adds pairs of them in 16 bits, which overflow."""
    most = torch.full((32, 64), 127, dtype=torch.int8)
    try:
        return bool((torch._int_mm(most, most.t()) == 127 * 127 * 64).all())
    except (RuntimeError, NotImplementedError):
        return False


def _rates(products: Sequence[Callable[[], object]]) -> list[float]:
    """In turns, the best of each: other programs disturb all of them alike."""
    best = [math.inf] * len(products)
    with torch.inference_mode():
        for _ in range(1 + ROUNDS):  # the first one warms up
            best = [min(known, _seconds(product)) for known, product in zip(best, products, strict=True)]
    return [2.0 * ROWS * WIDTH * WIDTH / seconds for seconds in best]


def _seconds(product: Callable[[], object]) -> float:
    """Infinite for one that this processor or build has not."""
    began = time.perf_counter()
    try:
        product()
    except (RuntimeError, NotImplementedError):
        return math.inf
    return max(time.perf_counter() - began, 1e-9)

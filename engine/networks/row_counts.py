"""Counts of rows that oneDNN multiplies badly, found while it works: there some rows of zeros are put below.

oneDNN cuts rows into blocks by a rule of its own, and some counts fit it badly: 646 rows of 512 to 2560 values come at
70 GFLOP/s where 648 come at 90, with AVX2 and with AVX-512. Which ones depends on the shape and the processor, so the
first products of a shape are made both ways in turns and timed. A row's numbers do not depend on how many others there
are; where they would on some processor, as the first product shows, nothing is put below. Knows no network.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

Product = Callable[[Tensor], Tensor]
Shape = tuple[int, int, int]

FEWEST_ROWS = 256
STEP = 8  # rows are filled up to a multiple of it
SMALLEST_WORK = 1 << 26  # multiplications, below which a look at the clock is not worth it
ROUNDS = 8
WORTH = 1.03  # times as fast, from which on rows are filled up
MOST_SHAPES = 512


@dataclass
class _Trial:
    """What is known of a shape: products timed so far, the best of each way, and the choice once there is one."""

    made: int = 0
    best: list[float] = field(default_factory=lambda: [math.inf, math.inf])
    filled: bool | None = None


class RowCounts:
    """Makes products, each shape in the way that was faster in this process."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._trials: dict[Shape, _Trial] = {}

    def make(self, product: Product, x: Tensor, outputs: int) -> Tensor:
        """x (..., in) -> what `product` makes of it, (..., out)."""
        inputs = x.shape[-1]
        rows = x.numel() // inputs
        if rows < FEWEST_ROWS or rows % STEP == 0 or rows * inputs * outputs < SMALLEST_WORK:
            return product(x)
        if len(self._trials) > MOST_SHAPES:
            self._trials.clear()
        trial = self._trials.setdefault((rows, inputs, outputs), _Trial())
        if trial.filled is None:
            return self._tried(trial, product, x)
        return filled_up(product, x) if trial.filled else product(x)

    def _tried(self, trial: _Trial, product: Product, x: Tensor) -> Tensor:
        """The first one both ways, untimed, since what oneDNN prepares for a shape is made there."""
        if trial.made == 0:
            out = product(x)
            trial.made, trial.filled = 1, None if torch.equal(filled_up(product, x), out) else False
            return out
        way = trial.made % 2
        began = self._clock()
        out = filled_up(product, x) if way else product(x)
        trial.best[way] = min(trial.best[way], self._clock() - began)
        trial.made += 1
        if trial.made > 2 * ROUNDS:
            trial.filled = trial.best[1] * WORTH < trial.best[0]
        return out


def filled_up(product: Product, x: Tensor) -> Tensor:
    """The product of x (..., in) with rows of zeros below, without theirs: (..., out)."""
    flat = x.flatten(0, -2)
    out = product(F.pad(flat, (0, 0, 0, -len(flat) % STEP)))
    return out[: len(flat)].unflatten(0, x.shape[:-1])


COUNTS = RowCounts()  # this process's

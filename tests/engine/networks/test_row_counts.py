"""Products of awkward row counts: the faster way is found from real products, and the numbers stay the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.networks import products, row_counts
from engine.networks.row_counts import ROUNDS, RowCounts, filled_up

ROWS, INPUTS, OUTPUTS = 258, 16, 8


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_counts, "SMALLEST_WORK", 1)


class Watched:
    """A product that takes a second a whole row count and `filled` seconds a filled one, by a clock of its own."""

    def __init__(self, filled: float, wrong: float = 0.0) -> None:
        self.now, self.rows = 0.0, list[int]()
        self._filled, self._wrong = filled, wrong
        self._weight = torch.arange(1.0, OUTPUTS * INPUTS + 1).view(OUTPUTS, INPUTS)  # whole numbers: exact

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.numel() // INPUTS
        self.rows.append(rows)
        self.now += 1.0 if rows == ROWS else self._filled
        return x @ self._weight.T + (self._wrong if rows != ROWS else 0.0)


@pytest.mark.parametrize(("filled", "kept"), [(0.5, 264), (0.99, ROWS), (2.0, ROWS)])
def test_the_faster_way_is_kept(filled: float, kept: int) -> None:
    work, x = Watched(filled), torch.ones(2, ROWS // 2, INPUTS)
    counts = RowCounts(lambda: work.now)
    made = [counts.make(work, x, OUTPUTS) for _ in range(2 * ROUNDS + 3)]
    assert all(torch.equal(one, made[0]) and one.shape == (2, ROWS // 2, OUTPUTS) for one in made)
    assert work.rows[-2:] == [kept, kept]
    assert len(work.rows) == 2 * ROUNDS + 4  # only the first was made twice


def test_nothing_is_filled_up_where_numbers_would_move() -> None:
    work = Watched(0.1, wrong=1.0)
    counts = RowCounts(lambda: work.now)
    for _ in range(10):
        counts.make(work, torch.ones(ROWS, INPUTS), OUTPUTS)
    assert work.rows == [ROWS, 264, *[ROWS] * 9]


@pytest.mark.parametrize("rows", [255, 256, 1024])
def test_other_counts_are_made_as_they_are(rows: int) -> None:
    work = Watched(0.1)
    for _ in range(3):
        RowCounts().make(work, torch.ones(rows, INPUTS), OUTPUTS)
    assert work.rows == [rows] * 3


@pytest.mark.skipif(not products.has_onednn(), reason="needs a torch with oneDNN")
@pytest.mark.parametrize("rows", [323, 538, 646])
def test_rows_of_zeros_change_no_bit(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    x, weight, bias = (torch.randn(*shape, generator=generator) for shape in ((rows, 64), (320, 64), (320,)))
    assert torch.equal(filled_up(lambda part: products.onednn(part, weight, bias), x), products.onednn(x, weight, bias))

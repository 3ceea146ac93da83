"""Short convolutions with fewer multiplications: Toom and Cook's method (Winograd; Lavin and Gray, arXiv 1509.09308).

A convolution of `kernel` values that makes `outputs` at a time is a product of two polynomials, found again from their
values at outputs + kernel - 1 points: so many multiplications instead of outputs times kernel.

    y = A^T [ (G w) * (B^T x) ]        w (kernel,), x (points,), y (outputs,)

Points near 1 and their inverses keep rounding small. Knows no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import torch
from torch import Tensor

HALF, MORE = Fraction(1, 2), Fraction(3, 4)
# The tenth is infinity. Of the sets tried the one that rounds least: 3.3e-6 of the result, 16 times a plain sum.
POINTS = tuple(Fraction(p) for p in (0, 1, -1, 2, -2, HALF, -HALF, MORE, -MORE))

Matrix = list[list[Fraction]]


@dataclass(frozen=True, eq=False)
class Transforms:
    """The three matrices, float32: A^T (outputs, points), G (points, kernel), B^T (points, points)."""

    outputs: int
    points: int
    back: Tensor
    weights: Tensor
    inputs: Tensor

    def of_weights(self, weight: Tensor) -> Tensor:
        """weight (out, in, kernel) -> (points, in, out), float32."""
        rows = weight.permute(2, 1, 0)  # (kernel, in, out)
        return (self.weights @ rows.flatten(1)).unflatten(1, rows.shape[1:])


@cache
def transforms(kernel: int, points: Sequence[Fraction] = POINTS) -> Transforms:
    """Those of a kernel at these points and infinity. Raises ValueError for too few points."""
    outputs = len(points) + 2 - kernel
    if outputs < 2:
        raise ValueError(f"points: got {len(points)}, expected {kernel} or more for a kernel of {kernel} values")
    back, weights = (torch.tensor(_values(points, n), dtype=torch.float64) for n in (outputs, kernel))
    inputs = torch.tensor(_inverse(_exact_values(points, len(points) + 1)), dtype=torch.float64).T
    # Rows of like size: what a power of two takes from two of them it gives to the third.
    most, least = _power_of_two(inputs.norm(dim=1)), _power_of_two(back.norm(dim=1))
    weights = weights * (most * least)[:, None]
    return Transforms(
        outputs,
        len(points) + 1,
        (back / least[:, None]).T.float().contiguous(),
        weights.float(),
        (inputs / most[:, None]).float().contiguous(),
    )


def _exact_values(points: Sequence[Fraction], count: int) -> Matrix:
    """Powers of each point, and of infinity the highest coefficient: (points + 1, count)."""
    last = [Fraction(int(n == count - 1)) for n in range(count)]
    return [[point**n for n in range(count)] for point in points] + [last]


def _values(points: Sequence[Fraction], count: int) -> list[list[float]]:
    return [[float(value) for value in row] for row in _exact_values(points, count)]


def _inverse(matrix: Matrix) -> list[list[float]]:
    """Gauss and Jordan's elimination with fractions: exact."""
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == n)) for i in range(size))] for n, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(n for n in range(column, size) if rows[n][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        own = [value / rows[column][column] for value in rows[column]]
        rows = [own if n == column else _less(row, own, row[column]) for n, row in enumerate(rows)]
    return [[float(value) for value in row[size:]] for row in rows]


def _less(row: list[Fraction], other: list[Fraction], times: Fraction) -> list[Fraction]:
    return [a - times * b for a, b in zip(row, other, strict=True)]


def _power_of_two(values: Tensor) -> Tensor:
    return torch.exp2(values.log2().round())

"""Short convolutions with fewer multiplications: Toom and Cook's method (Winograd; Lavin and Gray, arXiv 1509.09308).

A convolution of `kernel` values that makes `outputs` at a time is a product of two polynomials, found again from what
it leaves modulo a few short ones: modulo x - p its value at p (one multiplication), modulo x^2 + bx + c two values
(three multiplications), and its highest coefficient (at infinity, one). Together they have the product's length,
outputs + kernel - 1.

    y = A^T [ (G w) * (B^T x) ]        w (kernel,), x (outputs + kernel - 1,), y (outputs,)

Real points alone lie ill: the fewer of them, the less is rounded. Those of a pair lie on the unit circle, as those of a
Fourier transform do (Barabasz and Gregg, arXiv 1905.05233). Knows no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import torch
from torch import Tensor

Matrix = list[list[Fraction]]
PRODUCTS_OF_A_PAIR = 3


@dataclass(frozen=True)
class Pair:
    """x^2 + linear x + constant: two points that are no real ones."""

    linear: Fraction
    constant: Fraction = Fraction(1)


@dataclass(frozen=True)
class Points:
    """Real points, pairs of others, and infinity."""

    real: tuple[Fraction, ...]
    pairs: tuple[Pair, ...] = ()

    def __len__(self) -> int:
        """The length of the product that is found again."""
        return len(self.real) + 2 * len(self.pairs) + 1

    def values(self, count: int) -> Matrix:
        """What is multiplied, of each of `count` coefficients: (products, count)."""
        rows = [[point**n for n in range(count)] for point in self.real]
        for pair in self.pairs:
            rest, first = _rests(pair, count)
            rows += [[a + b for a, b in zip(rest, first, strict=True)]]
            rows += [[a - b for a, b in zip(rest, first, strict=True)], first]
        return [*rows, _last(count)]

    def found(self) -> Matrix:
        """The product's coefficients from what was multiplied: (length, products)."""
        length = len(self)
        rests = [[point**n for n in range(length)] for point in self.real]
        rests += [row for pair in self.pairs for row in _rests(pair, length)]
        return _times(_inverse([*rests, _last(length)]), self._rests_of_products())

    def _rests_of_products(self) -> Matrix:
        """What is left modulo each factor, from the products: (length, products)."""
        products, half = len(self.real) + PRODUCTS_OF_A_PAIR * len(self.pairs) + 1, Fraction(1, 2)
        rows = [{n: Fraction(1)} for n in range(len(self.real))]
        for number, pair in enumerate(self.pairs):
            at = len(self.real) + PRODUCTS_OF_A_PAIR * number
            rows.append({at: half, at + 1: half, at + 2: -1 - pair.constant})
            rows.append({at: half, at + 1: -half, at + 2: -pair.linear})
        rows.append({products - 1: Fraction(1)})
        return [[row.get(n, Fraction(0)) for n in range(products)] for row in rows]


def _fractions(*points: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(point) for point in points)


# 17 products for 8 outputs of a kernel of 7.
POINTS = Points(
    _fractions("0", "1", "-1", "5/8", "-5/8", "8/5", "-8/5"),
    tuple(Pair(linear) for linear in _fractions("9/8", "-9/8", "0")),
)


@dataclass(frozen=True, eq=False)
class Transforms:
    """The three matrices, float32: A^T (outputs, products), G (products, kernel), B^T (products, seen)."""

    outputs: int
    seen: int
    products: int
    back: Tensor
    weights: Tensor
    inputs: Tensor

    def of_weights(self, weight: Tensor) -> Tensor:
        """weight (out, in, kernel) -> (products, in, out), float32."""
        rows = weight.permute(2, 1, 0)  # (kernel, in, out)
        return (self.weights @ rows.flatten(1)).unflatten(1, rows.shape[1:])


@cache
def transforms(kernel: int, points: Points = POINTS) -> Transforms:
    """Those of a kernel at these points. Raises ValueError for too few points."""
    outputs = len(points) + 1 - kernel
    if outputs < 2:
        raise ValueError(f"points: got {len(points)}, expected {kernel + 1} or more for a kernel of {kernel} values")
    weights, inputs = _float32(points.values(kernel)), _float32(points.found()).T.contiguous()
    back = _float32(points.values(outputs)).T.contiguous()
    return Transforms(outputs, len(points), len(weights), back, weights, inputs)


def _float32(matrix: Matrix) -> Tensor:
    return torch.tensor([[float(value) for value in row] for row in matrix], dtype=torch.float32)


def _last(count: int) -> list[Fraction]:
    """At infinity: the highest coefficient."""
    return [Fraction(int(n == count - 1)) for n in range(count)]


def _rests(pair: Pair, count: int) -> tuple[list[Fraction], list[Fraction]]:
    """x^n modulo a pair, n = 0 ... count - 1: coefficients of 1 and of x."""
    rest, first = [Fraction(1)], [Fraction(0)]
    for _ in range(count - 1):
        rest, first = [*rest, -pair.constant * first[-1]], [*first, rest[-1] - pair.linear * first[-1]]
    return rest, first


def _times(matrix: Matrix, other: Matrix) -> Matrix:
    columns = list(zip(*other, strict=True))
    return [[sum((a * b for a, b in zip(row, c, strict=True)), Fraction(0)) for c in columns] for row in matrix]


def _inverse(matrix: Matrix) -> Matrix:
    """Gauss and Jordan's elimination with fractions: exact."""
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == n)) for i in range(size))] for n, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(n for n in range(column, size) if rows[n][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        own = [value / rows[column][column] for value in rows[column]]
        rows = [own if n == column else _less(row, own, row[column]) for n, row in enumerate(rows)]
    return [row[size:] for row in rows]


def _less(row: Sequence[Fraction], other: Sequence[Fraction], times: Fraction) -> list[Fraction]:
    return [a - times * b for a, b in zip(row, other, strict=True)]

"""Oobleck's residual units over rows (time, channels) on a processor, by Toom and Cook's method where that is faster.

A convolution of dilation d is d without dilation, each of every d-th row (a phase). From the first activation to the
sum with the input a phase is made block by block, so that what lies between stays in the cache:

    rows --snake--> s --B^T--> 17 values --a product each--> 17 values --A^T--> 8 rows a tile --snake, 1x1--> + rows

56 multiplications a tile and channel become 17. A unit rounds to 5e-7 of its result, 1.6 times the plain one.
`FASTER` measures where it is faster and holds the choice of this process; without one nothing is made so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.networks.ace_step_15.oobleck_layers import EPSILON, ResidualUnit, Snake
from engine.networks.beside import Team, team
from engine.networks.choice import Choice, Clock, Shape
from engine.networks.toom_cook import Transforms, transforms

Part = TypeVar("Part")

# Kinds of units, each with the channels and rows by which it is measured.
KINDS = {"narrow": (128, 4096), "middle": (256, 2048), "wide": (512, 1024)}
BLOCK_ROWS, WIDE_ROWS = 512, 1024  # in a block; of wide units, whose weights fill the cache
ROUNDS = 4
WORTH = 1.1  # times as fast, from which on it is taken


def kind_of(channels: int) -> str:
    """The name in `KINDS` of a unit of so many channels."""
    return "wide" if channels >= 384 else "middle" if channels >= 192 else "narrow"


def _is_faster(shape: Shape, clock: Clock) -> bool:
    channels, rows = shape
    unit, x = ResidualUnit(channels, 1), torch.ones(rows, channels)
    columns, ready = x.T[None].contiguous(), RowUnit.of(unit)
    best = [float("inf")] * 2
    with team(torch.get_num_threads()) as beside:
        works: Sequence[Callable[[], Tensor]] = (lambda: unit(columns), lambda: ready.make(x, beside))
        for _ in range(ROUNDS):
            for n, work in enumerate(works):
                began = clock()
                work()
                best[n] = min(best[n], clock() - began)
    return best[1] * WORTH < best[0]


FASTER = Choice("residual units", KINDS, _is_faster, probe_number=3)  # the kinds that are made so


@dataclass(frozen=True, eq=False)
class RowSnake:
    """A snake's two shapes (C,): x + sin(frequency x)^2 strength."""

    frequency: Tensor
    strength: Tensor

    @classmethod
    def of(cls, snake: Snake) -> RowSnake:
        """Those of a snake over columns."""
        return cls(snake.alpha.exp().flatten(), (snake.beta.exp() + EPSILON).reciprocal().flatten())

    def make(self, x: Tensor, out: Tensor, between: Tensor) -> None:
        """x (n, C) -> out (n, C); `between`, of the same shape, is written over.

        numpy's sine is as exact as torch's, and takes half as long with AVX-512.
        """
        torch.mul(x, self.frequency, out=between)
        held = between.numpy()
        np.sin(held, out=held)
        between.mul_(between)
        torch.addcmul(x, between, self.strength, out=out)

    def make_padded(self, x: Tensor, first: int, out: Tensor, between: Tensor) -> None:
        """Of x's rows from `first` on, as many as `out` has; zeros where x has none (a snake of zero is zero)."""
        start = max(first, 0)
        stop = max(min(first + len(out), len(x)), start)
        out[: start - first].zero_()
        out[stop - first :].zero_()
        inner = slice(start - first, stop - first)
        self.make(x[start:stop], out[inner], between[inner])


@dataclass(frozen=True)
class Blocks:
    """How rows are cut: `phases` phases at a time, `tiles` tiles of each; parts (first phase, first place in it)."""

    phases: int
    tiles: int
    parts: list[tuple[int, int]]

    @classmethod
    def of(cls, rows: int, dilation: int, size: int, outputs: int) -> Blocks:
        """Blocks of about `size` rows, all of one length."""
        longest = -(-rows // dilation)
        phases = min(dilation, max(1, size // longest))
        count = -(-longest * phases // size)
        tiles = -(-longest // (count * outputs))
        places = range(0, longest, tiles * outputs)
        return cls(phases, tiles, [(phase, place) for phase in range(0, dilation, phases) for place in places])


@dataclass(frozen=True, eq=False)
class RowUnit:
    """A residual unit made ready: weights of the products (17, in, out), of the 1x1 convolution (in, out)."""

    dilation: int
    weights: Tensor
    bias: Tensor
    across: Tensor
    across_bias: Tensor
    snakes: tuple[RowSnake, RowSnake]
    transforms: Transforms

    @classmethod
    def of(cls, unit: ResidualUnit) -> RowUnit:
        """From a unit's weights; costs less than a hundredth of a second's sound."""
        first, second = unit.conv1, unit.conv2
        assert first.bias is not None and second.bias is not None
        ways = transforms(first.kernel_size[0])
        return cls(
            first.dilation[0],
            ways.of_weights(first.weight),
            first.bias,
            second.weight[:, :, 0].T.contiguous(),
            second.bias,
            (RowSnake.of(unit.snake1), RowSnake.of(unit.snake2)),
            ways,
        )

    def make(self, x: Tensor, beside: Team) -> Tensor:
        """x (n, C), n > 0 -> (n, C)."""
        rows, channels = x.shape
        out = torch.empty_like(x)
        size = WIDE_ROWS if kind_of(channels) == "wide" else BLOCK_ROWS
        blocks = Blocks.of(rows, self.dilation, size, self.transforms.outputs)
        beside(lambda parts: _Worker(self, x, out, blocks).make(parts), shares(blocks.parts))
        return out


class _Worker:
    """Makes blocks one after another in buffers of its own."""

    def __init__(self, unit: RowUnit, x: Tensor, out: Tensor, blocks: Blocks) -> None:
        ways, channels = unit.transforms, x.shape[1]
        self._unit, self._x, self._out, self._blocks = unit, x, out, blocks
        self._length = blocks.tiles * ways.outputs
        count = blocks.phases * blocks.tiles * ways.products * channels
        self._sounding = x.new_empty(self._length + ways.seen - ways.outputs, channels)
        self._first, self._second = x.new_empty(count), x.new_empty(count)

    def make(self, parts: Sequence[tuple[int, int]]) -> None:
        for phase, place in parts:
            self._block(range(phase, min(phase + self._blocks.phases, self._unit.dilation)), place)

    def _block(self, phases: range, place: int) -> None:
        for n, phase in enumerate(phases):
            self._to_values(n, phase, place)
        made = self._convolved(len(phases) * self._blocks.tiles)
        made = made.view(len(phases), self._length, -1)
        for n, phase in enumerate(phases):
            x, out = (t[phase :: self._unit.dilation][place : place + self._length] for t in (self._x, self._out))
            torch.add(x, made[n, : len(x)], out=out)

    def _to_values(self, n: int, phase: int, place: int) -> None:
        """The n-th phase's tiles, with the rows around them, as what is multiplied."""
        ways, tiles, channels = self._unit.transforms, self._blocks.tiles, self._x.shape[1]
        around = (ways.seen - ways.outputs) // 2
        sounding = self._sounding
        between = self._second[: sounding.numel()].view_as(sounding)
        self._unit.snakes[0].make_padded(self._x[phase :: self._unit.dilation], place - around, sounding, between)
        overlapping = sounding.as_strided((tiles, ways.seen, channels), (ways.outputs * channels, channels, 1))
        values = self._cut(self._first, tiles * (n + 1), ways.products)[tiles * n :]
        torch.bmm(ways.inputs.expand(tiles, -1, -1), overlapping, out=values)

    def _convolved(self, tiles: int) -> Tensor:
        """What is multiplied (in the first buffer) -> rows (tiles * outputs, C), a view of a buffer."""
        unit, ways = self._unit, self._unit.transforms
        values = self._cut(self._first, tiles, ways.products)
        products = self._cut(self._second, ways.products, tiles)
        torch.bmm(values.transpose(0, 1), unit.weights, out=products)
        rows = self._cut(self._first, tiles, ways.outputs)
        torch.bmm(ways.back.expand(tiles, -1, -1), products.transpose(0, 1), out=rows)
        rows += unit.bias
        unit.snakes[1].make(rows, rows, self._cut(self._second, tiles, ways.outputs))
        made = self._second[: rows.numel()].view(-1, rows.shape[-1])
        return torch.addmm(unit.across_bias, rows.view_as(made), unit.across, out=made)

    def _cut(self, buffer: Tensor, first: int, second: int) -> Tensor:
        """The start of a buffer as (first, second, C)."""
        channels = self._x.shape[1]
        return buffer[: first * second * channels].view(first, second, channels)


def shares(parts: Sequence[Part]) -> list[Sequence[Part]]:
    """Parts for as many workers as torch has threads."""
    workers = torch.get_num_threads()
    return [parts[n::workers] for n in range(min(workers, len(parts)))]

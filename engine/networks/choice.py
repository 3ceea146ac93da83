"""A choice between two ways to make some kinds of work, by what the processor does faster. Knows no file."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

import torch

Clock = Callable[[], float]
Shape = tuple[int, ...]


def always() -> bool:
    """Where every processor can do both."""
    return True


class Choice:
    """Which of its kinds are made the other way in this process; none until `use` says so.

    `kinds` has the shape by which each is measured; `is_faster(shape, clock)` tells whether the other way is, with the
    threads that torch has, and `is_there` whether there is another way at all. `probe_number` counts the ways to
    measure, so that what another way found is not kept.
    """

    def __init__(
        self,
        what: str,
        kinds: Mapping[str, Shape],
        is_faster: Callable[[Shape, Clock], bool],
        is_there: Callable[[], bool] = always,
        probe_number: int = 1,
    ) -> None:
        self.what, self.kinds, self.is_there, self.probe_number = what, kinds, is_there, probe_number
        self._is_faster = is_faster
        self.taken: frozenset[str] = frozenset()

    def use(self, kinds: Collection[str]) -> None:
        """Make these kinds the other way from now on. Raises ValueError for a kind that does not exist."""
        if unknown := sorted(set(kinds) - set(self.kinds)):
            raise ValueError(f"got the kinds of {self.what} {unknown}, expected some of {sorted(self.kinds)}")
        self.taken = frozenset(kinds)

    def probe(self, clock: Clock = time.perf_counter) -> list[str]:
        """The kinds that are faster the other way on this processor, measured in turns: some 0.5 s in all."""
        if not self.is_there():
            return []
        with torch.inference_mode():
            return [kind for kind, shape in self.kinds.items() if self._is_faster(shape, clock)]

"""Work that goes beside other work, each part on threads of its own. Knows no network.

On a processor a network of many small steps gains little from threads within a step: they wait for one another at the
end of each. Parts that do not depend on one another need to wait only once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
from torch import Tensor

Part = TypeVar("Part")
Made = TypeVar("Made")


class Team(Protocol):
    """Makes parts beside each other, as many at a time as there are workers."""

    def __call__(self, work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
        """What `work` makes of each part, in their order; the first error is raised."""
        ...


@contextmanager
def team(workers: int) -> Iterator[Team]:
    """Workers that share torch's threads; one is the calling thread itself."""
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()
    if workers < 2:
        yield lambda work, parts: [work(part) for part in parts]
        return

    def run(work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
        def one(part: Part) -> Made:
            with torch.inference_mode(inference):  # which is a thread's own
                return work(part)

        return list(pool.map(one, parts))

    try:
        with ThreadPoolExecutor(workers, "beside", torch.set_num_threads, (max(threads // workers, 1),)) as pool:
            yield run
    finally:
        torch.set_num_threads(threads)  # what the workers set for themselves new threads would take, too


def rows_beside(work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What `work` makes of x (B, ...), which must not mix rows: on a processor with threads of each row by itself."""
    workers = min(x.shape[0], torch.get_num_threads())
    if x.device.type != "cpu" or workers < 2:
        return work(x)
    with team(workers) as beside:
        return torch.cat(beside(work, x.split(1)))

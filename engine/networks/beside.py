"""Rows of a batch beside each other, each on threads of its own. Knows no network.

On a processor a network of many small steps gains little from threads within a step: they wait for one another at the
end of each. Rows that do not depend on one another need to wait only once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


def rows_beside(work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What `work` makes of x (B, ...), which must not mix rows: on a processor with threads of each row by itself."""
    threads = torch.get_num_threads()
    if x.device.type != "cpu" or min(x.shape[0], threads) < 2:
        return work(x)
    workers = min(x.shape[0], threads)
    inference = torch.is_inference_mode_enabled()

    def row(part: Tensor) -> Tensor:
        with torch.inference_mode(inference):  # which is a thread's own
            return work(part)

    try:
        with ThreadPoolExecutor(workers, "beside", torch.set_num_threads, (threads // workers,)) as pool:
            return torch.cat(list(pool.map(row, x.split(1))))
    finally:
        torch.set_num_threads(threads)  # what the workers set for themselves new threads would take, too

"""Which way a model's evaluations go on its device, and getting that ready before the first job. Knows no task.

plain      the transformer's `evaluate` as it is written
graphs     padded lengths, each shape a CUDA graph (elsewhere: plain)
compiled   padded lengths, blocks compiled by torch.compile, and graphs where there is CUDA
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from engine.errors import EngineError
from engine.memory.placement import is_out_of_memory
from engine.networks.bucketed import BucketedEvaluate, Padded

CHOICES = ("auto", "plain", "graphs", "compiled")
LIKELY_SECONDS = (30.0, 20.0, 60.0)  # a region of 10 s with the default context, with 5 s, and a new piece

logger = logging.getLogger(__name__)


class Speed:
    """The evaluation of one model; `choice` is one of `CHOICES`, "auto" being graphs on CUDA and plain elsewhere."""

    def __init__(
        self, plain: Callable[..., Tensor], padded: Padded[Any, ...] | None, device: torch.device, choice: str = "auto"
    ) -> None:
        """`plain` is the transformer's own evaluation, `padded` the one over padded lengths: None, there is none.

        Raises EngineError for a choice that does not exist.
        """
        if choice not in CHOICES:
            raise EngineError(f"speed: got {choice!r}, expected one of {', '.join(CHOICES)}. Choose one of these.")
        cuda = device.type == "cuda"
        self._plain = plain
        self._device = device
        self._bucketed: BucketedEvaluate[Any, ...] | None = None
        if padded is not None and (choice == "compiled" or (cuda and choice != "plain")):
            backend = "inductor" if choice == "compiled" else None
            self._bucketed = BucketedEvaluate(padded, graphs=cuda, backend=backend)

    def evaluate(self, plain: bool = False, between: Callable[[], None] | None = None) -> Callable[..., Tensor]:
        """The evaluation to use; `plain` where weights move between jobs or are rounded: no graph can hold them.

        `between` is called between the blocks of a plain evaluation; others are too quick to be left half-way.
        """
        if self._bucketed is None or plain:
            self.reset()
            return partial(self._plain, between=between)
        return self._bucketed

    def reset(self) -> None:
        """Free what graphs hold."""
        if self._bucketed is not None:
            self._bucketed.reset()

    def warm_up(
        self, guard: Callable[[], AbstractContextManager[bool]], shapes: Iterable[Any]
    ) -> threading.Thread | None:
        """Prepare likely shapes in the background, one at a time inside `guard()`, until that says False."""
        if self._bucketed is None or self._device.type != "cuda":
            return None
        work = partial(self._prepare, guard, self._bucketed, list(shapes))
        thread = threading.Thread(target=work, name="warm-up", daemon=True)
        thread.start()
        return thread

    def _prepare(
        self,
        guard: Callable[[], AbstractContextManager[bool]],
        bucketed: BucketedEvaluate[Any, ...],
        shapes: Iterable[Any],
    ) -> None:
        try:
            for shape in shapes:
                with guard() as wanted, torch.inference_mode(), torch.cuda.device(self._device):
                    if not wanted:
                        return
                    bucketed.prepare(shape)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                logger.exception("warm-up")
            bucketed.reset()

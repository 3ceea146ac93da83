"""Which way a model's evaluations go on its device, and getting that ready before the first job. Knows no task.

plain      `Transformer.evaluate` as it is written
graphs     padded lengths, each shape a CUDA graph
compiled   padded lengths, blocks compiled by torch.compile, and graphs where there is CUDA
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch

from engine.checkpoints.networks import Networks
from engine.constants import V1_GEOMETRY
from engine.errors import EngineError
from engine.memory.placement import is_out_of_memory
from engine.networks.bucketed import SHORTEST_CONTEXT, BucketedEvaluate, Evaluate, Shape, bucket_of

CHOICES = ("auto", "plain", "graphs", "compiled")
LIKELY_SECONDS = (30.0, 20.0, 60.0)  # a region of 10 s with the default context, with 5 s, and a new piece
LIKELY_ROWS = (1, 2, 3)

logger = logging.getLogger(__name__)


class Speed:
    """The evaluation of one model; `choice` is one of `CHOICES`, "auto" being graphs on CUDA and plain elsewhere."""

    def __init__(self, networks: Networks, choice: str = "auto") -> None:
        if choice not in CHOICES:
            raise EngineError(f"speed: got {choice!r}, expected one of {', '.join(CHOICES)}. Choose one of these.")
        cuda = networks.device.type == "cuda"
        small = networks.config.pooled_text or networks.config.region_input  # inputs that no graph is made for
        self._networks = networks
        self._bucketed: BucketedEvaluate | None = None
        if not small and (choice == "compiled" or (cuda and choice != "plain")):
            backend = "inductor" if choice == "compiled" else None
            self._bucketed = BucketedEvaluate(networks.transformer, graphs=cuda, backend=backend)

    def evaluate(self, plain: bool = False, between: Callable[[], None] | None = None) -> Evaluate:
        """The evaluation to use; `plain` where weights move between jobs or are rounded: no graph can hold them.

        `between` is called between the blocks of a plain evaluation; others are too quick to be left half-way.
        """
        if self._bucketed is None or plain:
            self.reset()
            return partial(self._networks.transformer.evaluate, between=between)
        return self._bucketed

    def reset(self) -> None:
        """Free what graphs hold."""
        if self._bucketed is not None:
            self._bucketed.reset()

    def warm_up(self, guard: Callable[[], AbstractContextManager[bool]]) -> threading.Thread | None:
        """Prepare likely shapes in the background, one at a time inside `guard()`, until that says False."""
        if self._bucketed is None or self._networks.device.type != "cuda":
            return None
        thread = threading.Thread(target=self._prepare, args=(guard, self._bucketed), name="warm-up", daemon=True)
        thread.start()
        return thread

    def _prepare(self, guard: Callable[[], AbstractContextManager[bool]], bucketed: BucketedEvaluate) -> None:
        scaled = bool(self._networks.config.erg.transformer)
        try:
            for seconds in LIKELY_SECONDS:
                for rows in LIKELY_ROWS:
                    with guard() as wanted, torch.inference_mode(), torch.cuda.device(self._networks.device):
                        if not wanted:
                            return
                        shape = Shape(rows, bucket_of(V1_GEOMETRY.frames_of(seconds)), SHORTEST_CONTEXT, scaled)
                        bucketed.prepare(shape)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                logger.exception("warm-up")
            bucketed.reset()
